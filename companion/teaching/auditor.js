// The audit in order, and the field on the page that it follows: a reader pastes a table and sees what cannot be.
const SUSPICIOUS = ["other-definition", "below-baseline", "equal-metrics"], CHECKED = ["accuracy", "micro", "macro", "weighted"];
const MARKS = {impossible: "\u2717", suspicious: "?"};

function audit(text) {
  const table = read(text), [closed, premise] = premiseOf(table, ["O"]), percent = table.percent;
  const averages = Object.values(table.averages);
  let findings = [...table.rows.flatMap((row) => checkRow(row, percent)),
    ...averages.flatMap((row) => checkRow(row, percent)).filter((finding) => finding.kind === "out-of-range")];
  const readable = findings.every((finding) => finding.kind !== "out-of-range"), spans = table.rows.map(rowSpans);
  if (readable) {
    const recomputed = recompute(table.rows, spans), evidence = {table, spans, recomputed, closed, known: null};
    findings = [checkTotals, checkShares, checkMicro, checkMeans].reduce((all, check) => [...all, ...check(evidence)], findings);
    if (findings.every((finding) => SUSPICIOUS.includes(finding.kind))) findings.push(...checkTogether(evidence));
    if (closed && table.total) findings.push(...belowBaseline(table, recomputed));
    findings.push(...equalMetrics(table));
  }
  for (const finding of findings) finding.level = SUSPICIOUS.includes(finding.kind) ? "suspicious" : "impossible";
  return {table, findings, closed, notes: notesOf(table, premise, readable), summary: summarise(findings)};
}
function premiseOf(table, ignore) {
  const {accuracy, micro} = table.averages;
  if (table.total === null) return [false, ""];
  if (accuracy && (accuracy.support === table.total || isFrame(table))) return [true, `the line '${accuracy.name}'`];
  const named = table.rows.find((row) => ignore.includes(row.name));
  const same = (a, b) => !below(a, b) && !below(b, a);
  const equal = !micro || cellsOf(micro).every(([, cell], _, cells) => same(cell.value, cells[0][1].value));
  return named && equal ? [true, `the row '${named.name}'`] : [false, ""];
}
function isFrame(table) {
  const others = Object.entries(table.averages).filter(([kind]) => kind !== "accuracy").map(([, row]) => row.support);
  const accuracy = table.averages.accuracy;
  return accuracy.support === null && accuracy.repeated && others.length > 0 && others.every((n) => n === table.total);
}
function notesOf(table, premise, readable) {
  const notes = [];
  if (premise) notes.push(`taken for granted, because of ${premise}: every item has one label, and every label is a row`);
  const skipped = Object.entries(table.averages).filter(([kind]) => !CHECKED.includes(kind)).map(([, row]) => row.name);
  if (skipped.length) notes.push("not checked: " + skipped.join(", "));
  if (table.total === null)
    notes.push("a class without support: whole numbers, totals and weighted averages were not checked");
  if (!readable) notes.push("averages were not checked, since some numbers are no shares");
  return notes;
}
function summarise(findings) {
  const parts = ["impossible", "suspicious"].map((level) => [findings.filter((f) => f.level === level).length, level]);
  if (!findings.length) return "Nothing found: the numbers fit each other. That is no proof that they were measured.";
  const said = parts.filter(([number]) => number).map((part) => part.join(" ")).join(" and ");
  return `${said} finding${findings.length !== 1 ? "s" : ""}.`;
}
function belowBaseline(table, recomputed) {
  const accuracy = recomputed.micro.recall;
  const largest = table.rows.reduce((a, b) => (b.support > a.support ? b : a)), share = q(largest.support, table.total);
  if (!accuracy || !below(accuracy.high, share)) return [];
  const digits = Math.max(...table.rows.flatMap((row) => cellsOf(row).map(([, cell]) => cell.digits)));
  const [possible, best] = [share, accuracy.high].map((value) => shown(value, digits, table.percent));
  return [about(null, "", "below-baseline", best, possible,
    `the rows imply an accuracy of at most ${best}; always answering ${largest.name} gets ${possible}.`)];
}
function equalMetrics(table) {
  const {accuracy, micro} = table.averages, headline = accuracy ? accuracy.f1 : micro ? micro.f1 : null;
  if (!headline || !table.total || headline.digits < 1 || headline.units <= 0n || headline.units >= headline.unit) return [];
  return ["macro", "weighted"].map((kind) => table.averages[kind]).filter((row) => row && cellsOf(row).length === 3
    && cellsOf(row).every(([, cell]) => cell.units === headline.units && cell.digits === headline.digits)).flatMap((row) => {
    const chance = chanceOfEqual(Number(headline.units) / Number(headline.unit), Number(table.total), headline.digits);
    if (chance >= 0.2) return [];
    return [about(row, "", "equal-metrics", headline.text, "", `${row.name}: precision, recall, F1 and accuracy all print as `
      + `${headline.text}. That can happen; in a test with ${commas(table.total)} items, two classes of equal size and this `
      + `accuracy it does in ${(100 * chance).toFixed(1)} % of all cases.`)];
  });
}
function chanceOfEqual(accuracy, total, digits) {
  const half = Math.floor(total / 2), unit = 10 ** digits, weights = binomial(half, accuracy);
  if (total < 2) return 1;
  const rounded = (n, d) => Math.floor((2 * n * unit + d) / (2 * d));
  let chance = 0;
  for (const [right, weight] of weights) for (const [kept, other] of weights) {
    const recall = rounded(right, half), guesses = right + half - kept;
    if (right && recall === rounded(right + kept, 2 * half) && recall === rounded(right, guesses)
      && recall === rounded(2 * right, guesses + half)) chance += weight * other;
  }
  return chance;
}
function binomial(trials, probability) {
  const mode = Math.min(Math.floor((trials + 1) * probability), trials), odds = probability / (1 - probability);
  const reach = Math.ceil(8 * Math.sqrt(trials * probability * (1 - probability))) + 8, weights = new Map([[mode, 1]]);
  const first = Math.max(0, mode - reach), last = Math.min(trials, mode + reach);
  for (let n = mode; n < last; n++) weights.set(n + 1, weights.get(n) * (trials - n) / (n + 1) * odds);
  for (let n = mode; n > first; n--) weights.set(n - 1, weights.get(n) * n / (trials - n + 1) / odds);
  let scale = 0;
  for (const weight of weights.values()) scale += weight;
  return [...weights].map(([n, weight]) => [n, weight / scale]);
}

function ftcTableAuditor(id) {
  function element(name, className, ...inside) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...inside);
    return made;
  }
  function drawn(row, findings) {
    const tr = element("tr");
    for (const column of ["name", ...ORDER]) {
      const own = column === "name" ? "" : column, found = findings.filter((f) => f.line === row.line && f.column === own);
      const level = found.some((f) => f.level === "impossible") ? "impossible" : found.length ? "suspicious" : "";
      const value = row[column], shownText = value === null ? "" : column === "name" ? value
        : column === "support" ? commas(value) : value.text;
      const cell = element(column === "name" ? "th" : "td", level ? "ftc-" + level : "");
      if (column === "name") cell.scope = "row";
      if (level) cell.append(element("span", "ftc-mark", MARKS[level]), element("span", "ftc-unseen", " " + level + " "));
      cell.append(shownText);
      tr.append(cell);
    }
    return tr;
  }
  function begin(root) {
    const field = root.querySelector("textarea"), [outcome, list] = root.querySelectorAll(".ftc-outcome,.ftc-findings");
    const body = root.querySelector("tbody"), notes = root.querySelector(".ftc-notes");
    function draw() {
      let result;
      try {
        result = audit(field.value);
      } catch (error) {
        if (error.name !== "TableError") throw error;
        result = {summary: "This cannot be read: " + error.message, findings: [], notes: [], table: {rows: [], averages: {}}};
      }
      outcome.textContent = result.summary;
      list.replaceChildren(...result.findings.map((finding) =>
        element("li", "ftc-" + finding.level, MARKS[finding.level] + " " + finding.message)));
      const rows = [...result.table.rows, ...Object.values(result.table.averages)];
      body.replaceChildren(...rows.map((row) => drawn(row, result.findings)));
      body.parentElement.hidden = !rows.length;
      notes.textContent = result.notes.join(". ");
    }
    field.addEventListener("input", draw);
    root.classList.add("ftc-live");
    draw();
  }
  document.querySelectorAll(`[data-ftc-audit="${id}"]:not(.ftc-live)`).forEach(begin);
}
