// Draws one figure of numbers as SVG and lets its controls choose among the settings that came with the page.
// Colours are CSS variables, so the theme can change at any time; nothing is loaded, nothing is random.
function ftcExplore(id) {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const DASHES = ["", "7 4", "2 3", "9 3 2 3", "5 2 1 2 1 2", "1 3"];

  function element(parent, name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.appendChild(node);
    return node;
  }

  function scale(axis, from, to) {
    const f = axis.log ? Math.log10 : Number;
    const low = f(axis.range[0]), high = f(axis.range[1]);
    return (value) => from + ((f(value) - low) / (high - low || 1)) * (to - from);
  }

  function begin(root) {
    const data = JSON.parse(root.dataset.ftcNumbers);
    const inputs = [...root.querySelectorAll("[data-ftc-control]")];
    const plot = root.querySelector(".ftc-plot");
    const sentence = root.querySelector(".ftc-sentence");
    const readout = root.querySelector(".ftc-readout");
    const bars = data.kind === "bar";
    let cursor = -1, places = [];

    const chosen = () => inputs.map((input) => Number(input.value));
    const setting = () => data.settings[chosen().reduce((sum, at, n) => sum * data.controls[n].length + at, 0)];
    const show = (value) => (value === null ? "no value" : value.toLocaleString("en-US", {maximumSignificantDigits: 6}));

    function spoken(at) {
      const values = setting().values.map((series, n) => (data.series[n] + " " + show(series[at])).trim());
      return (data.x.label ? data.x.label + " " : "") + data.x.names[at] + ": " + values.join(", ");
    }

    function draw() {
      const width = Math.max(plot.clientWidth, 220), height = Math.round(Math.min(320, Math.max(210, width * 0.5)));
      const widest = Math.max(...data.y.ticks.map((tick) => tick[1].length));
      const left = 14 + 7 * widest, right = width - 14, top = (data.y.label ? 26 : 12) + (bars ? 8 : 0);
      const band = (right - left) / data.x.names.length;
      const names = bars ? fitNames(band, left + band / 2) : {depth: 0};
      const bottom = height - (data.x.label ? 40 : 24) - names.depth;
      const y = scale(data.y, bottom, top);
      const x = bars ? null : scale(data.x, left + 4, right - 4);
      places = data.x.names.map((_, n) => (bars ? left + band * (n + 0.5) : x(data.x.values[n])));
      plot.textContent = "";
      const svg = element(plot, "svg", {viewBox: `0 0 ${width} ${height}`, width: width, height: height, "aria-hidden": "true"});
      for (const [value, label] of data.y.ticks) {
        element(svg, "line", {x1: left, x2: right, y1: y(value), y2: y(value), class: "ftc-grid"});
        element(svg, "text", {x: left - 7, y: y(value) + 4, "text-anchor": "end"}, label);
      }
      if (data.y.label) element(svg, "text", {x: 2, y: 12}, data.y.label);
      if (data.x.label) element(svg, "text", {x: right, y: height - 6, "text-anchor": "end"}, data.x.label);
      if (bars) drawBars(svg, y, band, bottom, names);
      else drawLines(svg, x, y, left, bottom, right);
      if (cursor >= 0) drawCursor(svg, y, top, bottom);
    }

    // Names go below their bars: in one line, else broken between words, else tilted as far as the first has room for.
    function fitNames(band, room) {
      const lines = data.x.names.map((name) => name.split(" ").reduce((done, word) => {
        const longer = done.length ? done[done.length - 1] + " " + word : word;
        return longer.length * 6.6 <= band && done.length ? [...done.slice(0, -1), longer] : [...done, word];
      }, []));
      if (Math.max(...lines.flat().map((line) => line.length)) * 6.6 <= band) {
        return {lines: lines, angle: 0, depth: 13 * (Math.max(...lines.map((line) => line.length)) - 1)};
      }
      const longest = Math.max(...data.x.names.map((name) => name.length)) * 6;
      const angle = longest * 0.85 > room ? 55 : 32;
      return {lines: data.x.names.map((name) => [name]), angle: angle, depth: Math.max(34, longest * Math.sin(angle * Math.PI / 180) - 8)};
    }

    function drawBars(svg, y, band, bottom, names) {
      const rows = setting().values, wide = Math.min((band * 0.76) / rows.length, 64), base = y(0);
      data.x.names.forEach((_, at) => {
        const turn = names.angle ? {"text-anchor": "end", transform: `rotate(${-names.angle} ${places[at]} ${bottom + 14})`} : {"text-anchor": "middle"};
        names.lines[at].forEach((line, n) => element(svg, "text", {x: places[at] + (names.angle ? 6 : 0), y: bottom + 16 + 13 * n, ...turn}, line));
        rows.forEach((series, n) => {
          if (series[at] === null) return;
          const from = places[at] + (n - rows.length / 2) * wide, edge = y(series[at]);
          element(svg, "rect", {x: from + 1, width: wide - 2, y: Math.min(edge, base), height: Math.max(Math.abs(base - edge), 1), class: "ftc-bar ftc-s" + n});
          if (wide > 30) element(svg, "text", {x: from + wide / 2, y: Math.min(edge, base) - 5, "text-anchor": "middle", class: "ftc-number"}, show(series[at]));
        });
      });
      element(svg, "line", {x1: places[0] - band / 2, x2: places[places.length - 1] + band / 2, y1: base, y2: base, class: "ftc-axis"});
    }

    function drawLines(svg, x, y, left, bottom, right) {
      element(svg, "line", {x1: left, x2: right, y1: bottom, y2: bottom, class: "ftc-axis"});
      let last = -Infinity;
      for (const [value, label] of data.x.ticks) {
        const at = x(value), half = label.length * 3.6;
        element(svg, "line", {x1: at, x2: at, y1: bottom, y2: bottom + 4, class: "ftc-axis"});
        if (at - half < last + 6) continue;
        last = at + half;
        element(svg, "text", {x: Math.min(at, right + 12 - half), y: bottom + 17, "text-anchor": "middle"}, label);
      }
      setting().values.forEach((series, n) => {
        let path = "", open = false;
        series.forEach((value, at) => {
          if (value !== null) path += (open ? "L" : "M") + places[at].toFixed(1) + " " + y(value).toFixed(1);
          open = value !== null;
        });
        element(svg, "path", {d: path, class: "ftc-line ftc-s" + n, "stroke-dasharray": DASHES[n]});
        if (series.length <= 30) series.forEach((value, at) => {
          if (value !== null) element(svg, "circle", {cx: places[at], cy: y(value), r: 2.6, class: "ftc-dot ftc-s" + n});
        });
      });
    }

    function drawCursor(svg, y, top, bottom) {
      element(svg, "line", {x1: places[cursor], x2: places[cursor], y1: top, y2: bottom, class: "ftc-cursor"});
      if (!bars) setting().values.forEach((series, n) => {
        if (series[cursor] !== null) element(svg, "circle", {cx: places[cursor], cy: y(series[cursor]), r: 4.5, class: "ftc-dot ftc-s" + n});
      });
    }

    function point(at) {
      cursor = at;
      const text = at < 0 ? "" : spoken(at);
      readout.textContent = text || readout.dataset.hint;
      plot.setAttribute("aria-valuenow", Math.max(at, 0) + 1);
      plot.setAttribute("aria-valuetext", text || "no point chosen");
      draw();
    }

    function choose() {
      chosen().forEach((at, n) => {
        const output = inputs[n].parentElement.querySelector("output");
        if (output) output.textContent = data.controls[n][at];
        if (output) inputs[n].setAttribute("aria-valuetext", data.controls[n][at]);
      });
      sentence.textContent = setting().says;
      point(cursor);
    }

    function follow(event) {
      const svg = plot.firstElementChild, box = svg.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      let nearest = 0;
      places.forEach((place, n) => { if (Math.abs(place - at) < Math.abs(places[nearest] - at)) nearest = n; });
      if (nearest !== cursor) point(nearest);
    }

    inputs.forEach((input) => input.addEventListener("input", choose));
    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && document.activeElement !== plot) point(-1); });
    plot.addEventListener("keydown", (event) => {
      const last = places.length - 1;
      const to = {ArrowRight: Math.min(cursor + 1, last), ArrowLeft: Math.max(cursor - 1, 0), Home: 0, End: last, Escape: -1}[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      point(to);
    });
    root.classList.add("ftc-live");
    choose();
    if (window.ResizeObserver) {
      let width = plot.clientWidth;
      new ResizeObserver(() => { if (plot.clientWidth !== width) { width = plot.clientWidth; draw(); } }).observe(plot);
    }
  }

  document.querySelectorAll('[data-ftc-explore="' + id + '"]:not(.ftc-live)').forEach(begin);
}
