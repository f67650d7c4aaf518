// Lets a reader drag logits: softmax, loss and gradient are computed on the page, without a kernel.
function ftcLogits(id) {
  "use strict";

  function begin(root) {
    const rows = [...root.querySelectorAll(".ftc-row")], gold = root.querySelector("select");
    const sentence = root.querySelector(".ftc-sentence");
    const names = rows.map((row) => row.dataset.ftcLabel);
    const show = (value) => (Math.abs(value) < 0.0005 ? 0 : value).toFixed(3).replace("-", "\u2212");

    function draw() {
      const z = rows.map((row) => Number(row.querySelector("input").value));
      const y = Number(gold.value), top = Math.max(...z);
      const sum = z.reduce((total, value) => total + Math.exp(value - top), 0);
      const loss = top + Math.log(sum) - z[y];
      rows.forEach((row, n) => {
        const p = Math.exp(z[n] - top) / sum, gradient = p - (n === y);
        row.querySelector("output").textContent = z[n].toFixed(1).replace("-", "\u2212");
        row.querySelector("input").setAttribute("aria-valuetext", z[n].toFixed(1));
        row.querySelector(".ftc-p").style.width = 100 * p + "%";
        row.querySelector(".ftc-p-number").textContent = show(p);
        const bar = row.querySelector(".ftc-g");
        bar.style.width = 50 * Math.abs(gradient) + "%";
        bar.style.left = (gradient < 0 ? 50 + 50 * gradient : 50) + "%";
        bar.classList.toggle("ftc-up", gradient < 0);
        row.querySelector(".ftc-g-number").textContent = (gradient >= 0.0005 ? "+" : "") + show(gradient);
        row.querySelector(".ftc-gold").textContent = n === y ? "gold" : "";
      });
      const p = Math.exp(z[y] - top) / sum;
      sentence.textContent = "Gold label " + names[y] + ": p = " + show(p) + ", loss \u2212ln p = " + show(loss) + ".";
    }

    rows.forEach((row) => row.querySelector("input").addEventListener("input", draw));
    gold.addEventListener("input", draw);
    root.classList.add("ftc-live");
    draw();
  }

  document.querySelectorAll('[data-ftc-logits="' + id + '"]:not(.ftc-live)').forEach(begin);
}
