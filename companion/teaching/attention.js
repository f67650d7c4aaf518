// Lets a reader ask an attention map: another head, another token; no kernel is needed.
function ftcAttention(id) {
  "use strict";

  function begin(root) {
    const data = JSON.parse(root.dataset.ftcNumbers), menu = root.querySelector("select");
    const rows = [...root.querySelectorAll("tbody tr")], sentence = root.querySelector(".ftc-sentence");
    const show = (value) => (value / 100).toFixed(2);
    let looks = Number(root.dataset.ftcStart);

    function draw() {
      const head = menu ? Number(menu.value) : 0, weights = data.heads[head];
      rows.forEach((row, n) => {
        row.classList.toggle("ftc-chosen", n === looks);
        row.querySelectorAll("td").forEach((cell, at) => {
          cell.querySelector("i").style.width = weights[n][at] + "%";
          cell.querySelector("span").textContent = show(weights[n][at]);
        });
      });
      const chosen = weights[looks];
      const order = chosen.map((_, n) => n).sort((a, b) => chosen[b] - chosen[a]);
      const said = order.slice(0, 2).map((n) => data.tokens[n] + " (" + show(chosen[n]) + ")");
      sentence.textContent = (menu ? "Head " + (head + 1) + ": " : "") + data.tokens[looks] +
        " looks most at " + said[0] + ", then at " + said[1] + ".";
    }

    // Two copies of one piece on a page would share one group of buttons.
    const group = "looks-" + Math.random().toString(36).slice(2);
    rows.forEach((row, n) => {
      const button = row.querySelector("input");
      button.name = group;
      button.checked = n === looks;
      button.addEventListener("input", () => { looks = n; draw(); });
      row.addEventListener("click", () => { button.checked = true; looks = n; draw(); });
    });
    if (menu) menu.addEventListener("input", draw);
    root.classList.add("ftc-live");
    draw();
  }

  document.querySelectorAll('[data-ftc-attention="' + id + '"]:not(.ftc-live)').forEach(begin);
}
