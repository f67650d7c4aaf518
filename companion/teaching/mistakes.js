// Leaves only the errors that the model was sure enough of, and counts what is left; without a script all are there.
function ftcMistakes(id) {
  "use strict";

  function begin(root) {
    const slider = root.querySelector("input"), output = root.querySelector("output");
    const sentence = root.querySelector(".ftc-sentence"), all = root.querySelectorAll("li").length;
    const groups = [...root.querySelectorAll("details")];

    function choose() {
      const least = Number(slider.value) / 100;
      let left = 0;
      groups.forEach((group) => {
        const items = [...group.querySelectorAll("li")];
        items.forEach((item) => { item.hidden = Number(item.dataset.ftcSure) < least; });
        const here = items.filter((item) => !item.hidden).length;
        const count = group.querySelector(".ftc-count");
        group.hidden = here === 0;
        count.textContent = here === items.length ? count.dataset.ftcAll : here + " of " + items.length;
        left += here;
      });
      output.textContent = least.toFixed(2);
      slider.setAttribute("aria-valuetext", least.toFixed(2));
      sentence.textContent = left === all ? "" : left + " of the " + all + " errors here have a probability of " + least.toFixed(2) + " or more.";
    }

    slider.addEventListener("input", choose);
    root.classList.add("ftc-live");
    choose();
  }

  document.querySelectorAll('[data-ftc-mistakes="' + id + '"]:not(.ftc-live)').forEach(begin);
}
