// The page's own companion.evaluation.forensics, in whole numbers: exact fractions, and the table as it is printed.
const COLUMNS = ["precision", "recall", "f1"], ORDER = [...COLUMNS, "support"];
const LABELS = {precision: "precision", recall: "recall", f1: "F1", support: "support"};
const ALIASES = {
  precision: ["precision", "prec", "prec.", "p"],
  recall: ["recall", "rec", "rec.", "r", "sensitivity"],
  f1: ["f1", "f1score", "f", "fscore", "fmeasure", "fb1"],
  support: ["support", "gold", "n", "count", "#"],
};
const AVERAGES = {
  accuracy: "accuracy", acc: "accuracy", micro: "micro", "micro avg": "micro", macro: "macro", "macro avg": "macro",
  weighted: "weighted", "weighted avg": "weighted", "avg / total": "weighted", "samples avg": "samples",
  overall: "overall", total: "total", all: "all",
};
const MISSING = ["", "-", "\u2013", "\u2014", "nan", "n/a", "na", "undefined", "none", "null"];
const NUMBER = /^([+-]?)(\d*)(?:[.,](\d*))?(?:[eE]([+-]?\d{1,3}))?%?$/;
const WHOLE = /^(\d{1,3}(?:,\d{3})+|\d+)(?:\.0*)?$/;
const RULE = /^[\s|:+=\u2500\u2501\u253c-]*$/;
const FULL_DIGITS = 12;

// Exact fractions of BigInts.
const gcd = (a, b) => { while (b) [a, b] = [b, a % b]; return a; };
function q(n, d = 1n) {
  if (d < 0n) [n, d] = [-n, -d];
  const g = gcd(n < 0n ? -n : n, d) || 1n;
  return {n: n / g, d: d / g};
}
const plus = (a, b) => q(a.n * b.d + b.n * a.d, a.d * b.d);
const minus = (a, b) => q(a.n * b.d - b.n * a.d, a.d * b.d);
const times = (a, b) => q(a.n * b.n, a.d * b.d);
const over = (a, b) => q(a.n * b.d, a.d * b.n);
const below = (a, b) => a.n * b.d < b.n * a.d;
const least = (values) => values.reduce((a, b) => (below(b, a) ? b : a));
const greatest = (values) => values.reduce((a, b) => (below(a, b) ? b : a));
const ZERO = q(0n), ONE = q(1n);
function floorDiv(a, b) { const r = a / b; return a % b && (a < 0n) !== (b < 0n) ? r - 1n : r; }
const ceilDiv = (a, b) => -floorDiv(-a, b);
const floor = (a) => floorDiv(a.n, a.d), ceil = (a) => ceilDiv(a.n, a.d);
const big = (values, larger) => values.reduce((a, b) => (larger ? b > a : b < a) ? b : a);
const max = (...values) => big(values, true), min = (...values) => big(values, false);
const commas = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

function shown(value, digits, percent, way = "near") {
  const decimals = Math.max(digits - (percent ? 2 : 0), 0);
  const n = value.n * 10n ** BigInt(decimals) * (percent ? 100n : 1n), d = value.d;
  const units = way === "near" ? floorDiv(2n * n + d, 2n * d) : way === "down" ? floorDiv(n, d) : ceilDiv(n, d);
  const text = String(units).padStart(decimals + 1, "0");
  return decimals ? text.slice(0, -decimals) + "." + text.slice(-decimals) : text;
}
function spread(low, high, digits, percent) {
  const ends = [shown(low, digits + 1, percent, "down"), shown(high, digits + 1, percent, "up")];
  return [...new Set(ends)].join(" to ");
}

// Reading.
function failure(message) { const error = new Error(message); error.name = "TableError"; return error; }
function parts(word) {
  const found = NUMBER.exec(word);
  if (!found || !(found[2] || found[3])) return null;
  let units = BigInt(found[2] + (found[3] || "") || "0");
  let digits = (found[3] || "").length - Number(found[4] || 0);
  if (digits < 0) { units *= 10n ** BigInt(-digits); digits = 0; }
  return [found[1] === "-" ? -units : units, digits];
}
const joined = (line) => line.replace(/\bf[ -]?(1)?[ -]?(score|measure)\b/gi, "f1").replaceAll("(%)", "%").replaceAll(" %", "%");
function columnOf(word) {
  const plain = word.toLowerCase().replace(/[%_()\-"' ]/g, "");
  return ORDER.find((name) => ALIASES[name].includes(plain)) || plain;
}
const words = (line) => line.trim().split(/\s+/);
function isHeader(line) {
  const found = joined(line).split(/[\s|,;\t]+/).map(columnOf).filter((word) => COLUMNS.includes(word));
  return new Set(found).size >= 2;
}
const occurrences = (line, mark) => line.split(mark).length - 1;
function stripBars(text) { return text.trim().replace(/^\|+/, "").replace(/\|+$/, ""); }
function splitter(line) {
  if (occurrences(line, "|") >= 2) return (text) => stripBars(text).split("|").map((cell) => cell.trim());
  const delimiter = ["\t", ";", ","].find((mark) => occurrences(line, mark) >= 2);
  return delimiter === undefined ? null : (text) => splitQuoted(text, delimiter);
}
function splitQuoted(line, delimiter) {
  const cells = [];
  let cell = "", quoted = false;
  for (const character of line) {
    if (character === "\"") quoted = !quoted;
    else if (character === delimiter && !quoted) { cells.push(cell.trim()); cell = ""; }
    else cell += character;
  }
  return [...cells, cell.trim()];
}
const averageOf = (name) => {
  const plain = name.toLowerCase().replaceAll("average", "avg").replace(/[-_ ]+/g, " ").trim();
  return Object.hasOwn(AVERAGES, plain) ? AVERAGES[plain] : null;
};
const isValue = (word) => MISSING.includes(word.toLowerCase()) || WHOLE.test(word) || parts(word) !== null;

function read(text) {
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.replaceAll("`", "").replaceAll("**", ""));
  const header = lines.findIndex(isHeader), first = lines.findIndex((line) => !RULE.test(line));
  if (first < 0) throw failure("there is no table in this text");
  const start = header < 0 ? first : header, split = splitter(lines[start]);
  let columns = [...ORDER];
  if (header >= 0 && split) columns = split(joined(lines[start])).map(columnOf);
  else if (header >= 0) {
    columns = words(joined(lines[start])).map(columnOf);
    columns = columns.slice(columns.findIndex((title) => ORDER.includes(title)));
  }
  const found = [];
  for (let number = header < 0 ? start : start + 1; number < lines.length; number++)
    if (!RULE.test(lines[number])) found.push(cut(lines[number], number + 1, columns, split));
  if (!found.length) throw failure("the table has a header and no rows");
  return assemble(found, header >= 0 && lines[header].includes("%"));
}

function cut(line, number, columns, split) {
  const cells = {};
  if (split) {
    const values = split(line);
    if (columns.includes("precision") && ORDER.includes(columns[0]) && values.length === columns.length + 1)
      columns = ["", ...columns];
    if (values.length !== columns.length)
      throw failure(`line ${number}: ${values.length} cells under ${columns.length} titles`);
    const place = columns.findIndex((title) => !ORDER.includes(title));
    columns.forEach((title, n) => { if (ORDER.includes(title)) cells[title] = values[n]; });
    return {number, name: place < 0 ? "" : values[place], cells};
  }
  const all = words(line.replace(/(\d)\s+%/g, "$1%"));
  let count = 0;
  while (count < Math.min(columns.length, all.length) && isValue(all[all.length - 1 - count])) count++;
  const name = all.slice(0, all.length - count).join(" "), values = all.slice(all.length - count);
  if (averageOf(name) === "accuracy" && (count === 1 || count === 2)) {
    ["f1", "support"].slice(0, count).forEach((title, n) => { cells[title] = values[n]; });
    return {number, name, cells};
  }
  if (count !== columns.length && !(columns.join() === ORDER.join() && count === 3))
    throw failure(`line ${number}: '${name}' has ${count} numbers under ${columns.length} titles`);
  values.forEach((value, n) => { if (ORDER.includes(columns[n])) cells[columns[n]] = value; });
  return {number, name, cells};
}

function assemble(lines, marked) {
  const shares = lines.flatMap((line) => COLUMNS.filter((c) => c in line.cells).map((c) => line.cells[c]));
  const numbers = shares.map(parts).filter(Boolean);
  const above = numbers.filter(([units, digits]) => units > 10n ** BigInt(digits)).length;
  const percent = marked || shares.some((text) => text.includes("%")) || 2 * above > numbers.length;
  const table = {rows: [], averages: {}, percent};
  for (const line of lines) {
    const kind = averageOf(line.name), row = rowOf(line, kind, percent);
    if (kind === null) table.rows.push(row);
    else if (kind in table.averages) throw failure(`line ${line.number}: a second line '${line.name}'`);
    else table.averages[kind] = row;
  }
  if (!table.rows.length) throw failure("the table has averages and no classes");
  const supports = table.rows.map((row) => row.support);
  table.total = supports.includes(null) ? null : supports.reduce((a, b) => a + b, 0n);
  return table;
}

function rowOf(line, kind, percent) {
  const row = {name: line.name, precision: null, recall: null, f1: null, support: null, line: line.number, repeated: false};
  for (const column of COLUMNS) {
    const text = line.cells[column] ?? "", found = parts(text);
    if (!found && !MISSING.includes(text.toLowerCase()))
      throw failure(`line ${line.number}: '${line.name}', ${column}: '${text}' is no number`);
    if (found) row[column] = cellOf(text, found[0], found[1] + (percent ? 2 : 0));
  }
  const support = line.cells.support ?? "";
  let whole = WHOLE.exec(support);
  if (kind === "accuracy") {
    const value = row.f1 || row.recall || row.precision, own = parts(support);
    row.precision = row.recall = null;
    row.f1 = value;
    const other = value && parts(value.text);
    row.repeated = Boolean(value) && String(own) === String(other);
    if (row.repeated) whole = null;
  } else if (!whole && !MISSING.includes(support.toLowerCase()))
    throw failure(`line ${line.number}: '${line.name}', support: '${support}' is no whole number`);
  if (whole) row.support = BigInt(whole[1].replaceAll(",", ""));
  return row;
}

function cellOf(text, units, digits) {
  const unit = 10n ** BigInt(digits), scale = 2n * unit;
  const half = digits <= FULL_DIGITS ? 1n : 2n * 10n ** BigInt(digits - FULL_DIGITS);
  const low = max(0n, 2n * units - half), high = min(scale, 2n * units + half);
  return {text, units, digits, unit, scale, low, high, value: q(units, unit), lowQ: q(low, scale), highQ: q(high, scale),
    isShare: units >= 0n && units <= unit};
}
const admits = (cell, n, d) => cell.low * d <= n * cell.scale && n * cell.scale <= cell.high * d;
const cellsOf = (row) => COLUMNS.filter((column) => row[column]).map((column) => [column, row[column]]);

