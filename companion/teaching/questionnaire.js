// Counts first answers and says which parts to refresh; nothing is stored, nothing is sent.
function ftcQuestionnaire(id) {
  "use strict";

  function begin(root) {
    const questions = [...root.querySelectorAll("fieldset")], advice = [...root.querySelectorAll(".ftc-advice li")];
    const sentence = root.querySelector(".ftc-sentence"), again = root.querySelector("button");
    const first = new Map();

    function count() {
      const right = [...first.values()].filter(Boolean).length, missed = new Set();
      first.forEach((good, question) => { if (!good) missed.add(question.dataset.ftcArea); });
      advice.forEach((item) => { item.hidden = !missed.has(item.dataset.ftcArea); });
      again.hidden = first.size === 0;
      const done = first.size === questions.length;
      const told = first.size + " of " + questions.length + " answered, " + right + " right.";
      sentence.textContent = first.size === 0 ? root.dataset.ftcOpening : done && !missed.size ? told + " " + root.dataset.ftcOnward : told;
    }

    questions.forEach((question) => question.addEventListener("change", (event) => {
      if (first.has(question)) return;
      first.set(question, event.target.classList.contains("ftc-key"));
      count();
    }));
    again.addEventListener("click", () => {
      first.clear();
      root.querySelectorAll("input").forEach((input) => { input.checked = false; });
      count();
      root.querySelector("input").focus();
    });
    root.querySelectorAll("input").forEach((input) => { input.checked = false; });
    root.classList.add("ftc-live");
    count();
  }

  document.querySelectorAll('[data-ftc-questionnaire="' + id + '"]:not(.ftc-live)').forEach(begin);
}
