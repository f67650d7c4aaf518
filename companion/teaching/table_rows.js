// Which whole numbers print as a row, and what the rows make of the averages.
const LIMIT = 20000n;

// Which whole numbers print as a row.
const mayBeUndefined = (cell) => cell.low === 0n || cell.high === cell.scale;
function rowOptions(support, {precision = null, recall = null, f1 = null}) {
  let first = 0n, last = support;
  if (support === 0n) last = !recall || mayBeUndefined(recall) ? 0n : -1n;
  else if (recall) {
    first = ceilDiv(recall.low * support, recall.scale);
    last = floorDiv(recall.high * support, recall.scale);
  }
  if (last - first >= LIMIT) return null;
  const found = [];
  for (let hits = first; hits <= last; hits++) {
    const option = hits === 0n ? withoutHits(support, precision, f1) : withHits(hits, support, precision, f1);
    if (option) found.push(option);
  }
  return found;
}
function withHits(hits, support, precision, f1) {
  let fewest = hits, most = null;
  if (precision) {
    if (precision.high === 0n) return null;
    fewest = max(fewest, ceilDiv(hits * precision.scale, precision.high));
    if (precision.low > 0n) most = hits * precision.scale / precision.low;
  }
  if (f1) {
    if (f1.high === 0n) return null;
    fewest = max(fewest, ceilDiv(2n * hits * f1.scale, f1.high) - support);
    if (f1.low > 0n) {
      const limit = 2n * hits * f1.scale / f1.low - support;
      most = most === null ? limit : min(most, limit);
    }
  }
  return most !== null && most < fewest ? null : {hits, fewest, most};
}
function withoutHits(support, precision, f1) {
  const some = (!precision || precision.low === 0n) && (!f1 || f1.low === 0n);
  const none = (!precision || mayBeUndefined(precision))
    && (!f1 || f1.low === 0n || (support === 0n && mayBeUndefined(f1)));
  if (some) return {hits: 0n, fewest: none ? 0n : 1n, most: null};
  return none ? {hits: 0n, fewest: 0n, most: 0n} : null;
}

function rowSpans(row) {
  const shares = {};
  for (const column of COLUMNS) shares[column] = row[column] && {low: row[column].lowQ, high: row[column].highQ};
  const open = {low: ZERO, high: null};
  if (row.support === null) return {options: null, hits: open, predicted: open, false: open, shares};
  const options = rowOptions(row.support, row);
  return options && options.length ? exactSpans(row, options, shares) : roundedSpans(row, shares);
}
function exactSpans(row, options, shares) {
  const support = row.support, bounded = options.every((o) => o.most !== null);
  if (options.every((o) => o.fewest > 0n)) {
    if (shares.precision) shares.precision = {
      low: least(options.map((o) => (o.most === null ? ZERO : q(o.hits, o.most)))),
      high: greatest(options.map((o) => q(o.hits, o.fewest))),
    };
    if (shares.f1) shares.f1 = {
      low: least(options.map((o) => (o.most === null ? ZERO : q(2n * o.hits, support + o.most)))),
      high: greatest(options.map((o) => q(2n * o.hits, support + o.fewest))),
    };
  }
  const last = options[options.length - 1];
  if (shares.recall && support) shares.recall = {low: q(options[0].hits, support), high: q(last.hits, support)};
  const ends = (pick) => big(options.map((o) => pick(o)), true);
  return {
    options, shares, hits: {low: q(options[0].hits), high: q(last.hits)},
    predicted: {low: q(big(options.map((o) => o.fewest), false)), high: bounded ? q(ends((o) => o.most)) : null},
    false: {low: q(big(options.map((o) => o.fewest - o.hits), false)), high: bounded ? q(ends((o) => o.most - o.hits)) : null},
  };
}
function roundedSpans(row, shares) {
  const support = q(row.support), {recall, precision} = shares;
  const low = recall ? times(recall.low, support) : ZERO, high = recall ? times(recall.high, support) : support;
  let predicted = {low, high: null}, wrong = {low: ZERO, high: null};
  if (precision && precision.high.n) {
    const ceiling = precision.low.n ? over(high, precision.low) : null;
    predicted = {low: over(low, precision.high), high: ceiling};
    const rest = (share) => minus(over(ONE, share), ONE);
    wrong = {low: times(low, rest(precision.high)), high: ceiling && times(high, rest(precision.low))};
  }
  return {options: null, hits: {low, high}, predicted, false: wrong, shares};
}

// One row.
const harmonic = (a, b) => (a.n + b.n ? over(times(q(2n), times(a, b)), plus(a, b)) : ZERO);
function about(row, column, kind, printed, possible, message) {
  return {kind, row: row ? row.name : "all rows", column, printed, possible, message, line: row ? row.line : null};
}
function ofRow(row, column, kind, possible, message) {
  const printed = row[column] ? row[column].text : "";
  return about(row, column, kind, printed, possible, `${row.name}, ${LABELS[column]} ${printed}: ${message}`);
}
function checkRow(row, percent) {
  const out = cellsOf(row).filter(([, cell]) => !cell.isShare)
    .map(([name]) => ofRow(row, name, "out-of-range", "0 to 1", "a share lies between 0 and 1."));
  if (out.length) return out;
  const found = outside(row, percent);
  if (row.support === null) return found;
  const hits = rowOptions(row.support, {recall: row.recall});
  if (hits === null) return found;
  const pairs = rowOptions(row.support, {recall: row.recall, precision: row.precision}) || [];
  if (!hits.length) return [...found, noRecall(row, percent)];
  if (!pairs.length) return [...found, noPrecision(row, hits, percent)];
  if (!found.length && !(rowOptions(row.support, row) || []).length) found.push(noF1(row, pairs, percent));
  return found;
}
function outside({name, precision, recall, f1, line, support}, percent) {
  if (!precision || !recall || !f1) return [];
  const low = harmonic(precision.lowQ, recall.lowQ), high = harmonic(precision.highQ, recall.highQ);
  if (!below(high, f1.lowQ) && !below(f1.highQ, low)) return [];
  const ends = [shown(low, f1.digits + 1, percent, "down"), shown(high, f1.digits + 1, percent, "up")];
  const beyond = below(f1.value, least([precision.value, recall.value]))
    || below(greatest([precision.value, recall.value]), f1.value);
  const why = beyond ? "F1 lies between precision and recall, whatever the counts."
    : "F1 is the harmonic mean of the two, whatever the counts.";
  const message = `precision ${precision.text} and recall ${recall.text} give ${ends[0]} to ${ends[1]}: ${why}`;
  return [ofRow({name, f1, line, support}, "f1", beyond ? "f1-outside" : "f1", ends.join(" to "), message)];
}
function noRecall(row, percent) {
  const cell = row.recall, support = row.support;
  if (support === 0n) return ofRow(row, "recall", "recall", "0 or 1", "with support 0 recall is 0/0, printed as 0 or 1.");
  const start = floorDiv(cell.units * support, cell.unit);
  const near = [start, start + 1n].map((hits) =>
    `${commas(hits)}/${commas(support)} = ${shown(q(hits, support), cell.digits + 1, percent)}`).join(" and ");
  return ofRow(row, "recall", "recall", near,
    `no whole number of hits in ${commas(support)} items gives it; the nearest are ${near}.`);
}
const before = (a, b) => below(a[0], b[0]) || (!below(b[0], a[0]) && a[1] < b[1]);
const smaller = (a, b) => (a && !before(b, a) ? a : b), larger = (a, b) => (a && !before(a, b) ? a : b);
function noPrecision(row, hits, percent) {
  const cell = row.precision;
  let under = [ZERO, "0"], above = null;
  const ratio = (n, d) => [q(n, d), `${commas(n)}/${commas(d)} = ${shown(q(n, d), cell.digits + 1, percent)}`];
  for (const option of hits) {
    if (option.hits === 0n) continue;
    const most = option.hits * cell.unit / cell.units;
    under = larger(under, ratio(option.hits, most + 1n));
    if (most >= option.hits) above = smaller(above, ratio(option.hits, most));
  }
  const near = above ? under[1] + " and " + above[1] : under[1];
  return ofRow(row, "precision", "precision", near,
    `${given(row, hits)}; hits divided by predictions come no nearer than ${near}.`);
}
function given(row, hits) {
  const first = hits[0].hits, last = hits[hits.length - 1].hits;
  const number = first === last ? commas(first) : commas(first) + " to " + commas(last);
  if (!row.recall) return `support ${commas(row.support)} means ${number} hits`;
  return `recall ${row.recall.text} of ${commas(row.support)} means ${number} hit${last !== 1n ? "s" : ""}`;
}
function noF1(row, pairs, percent) {
  const cell = row.f1, support = row.support;
  let under = null, above = null;
  for (const option of pairs) for (const predicted of nearest(option, support, cell)) {
    const total = predicted + support, value = total ? q(2n * option.hits, total) : ZERO;
    const found = [value, `2 \u00b7 ${commas(option.hits)}/(${commas(predicted)} + ${commas(support)}) = `
      + shown(value, cell.digits + 1, percent)];
    if (below(value, cell.value)) under = larger(under, found);
    else above = smaller(above, found);
  }
  const near = [under, above].filter(Boolean).map((found) => found[1]).join(" and ");
  const others = cellsOf(row).filter(([name]) => name !== "f1").map(([name, c]) => LABELS[name] + " " + c.text).join(" and ");
  return ofRow(row, "f1", "f1", near,
    `no counts that print ${others} for ${commas(support)} items give it; the nearest are ${near}.`);
}
function nearest(option, support, cell) {
  if (option.hits === 0n || cell.units === 0n) return [option.most === null ? option.fewest : option.most];
  const turn = 2n * option.hits * cell.unit / cell.units - support;
  const upper = option.most === null ? turn : min(turn, option.most);
  const found = upper >= option.fewest ? [upper] : [], lower = max(turn + 1n, option.fewest);
  return option.most === null || lower <= option.most ? [...found, lower] : found;
}

// Averages.
function add(spans) {
  const open = spans.some((span) => span.high === null);
  return {low: spans.map((s) => s.low).reduce(plus, ZERO), high: open ? null : spans.map((s) => s.high).reduce(plus, ZERO)};
}
function recompute(rows, spans) {
  const supports = rows.map((row) => row.support);
  const total = supports.includes(null) ? null : supports.reduce((a, b) => a + b, 0n);
  const mean = (column, weights) => {
    const found = spans.map((span) => span.shares[column]);
    if (found.includes(null)) return null;
    const all = q(weights.reduce((a, b) => a + b, 0n));
    const [low, high] = ["low", "high"].map((end) =>
      over(found.map((span, n) => times(q(weights[n]), span[end])).reduce(plus, ZERO), all));
    return {low, high};
  };
  const result = {macro: {}, weighted: {}, micro: {precision: null, recall: null, f1: null}, total};
  for (const column of COLUMNS) {
    result.macro[column] = mean(column, rows.map(() => 1n));
    result.weighted[column] = total ? mean(column, supports) : null;
  }
  if (total) pool(rows, spans, total, result.micro);
  return result;
}
function pool(rows, spans, total, micro) {
  const hits = add(spans.map((s) => s.hits)), wrong = add(spans.map((s) => s.false)), all = q(total);
  const predicted = add(spans.map((s) => s.predicted));
  if (hits.high === null || rows.some((row) => !row.recall)) return;
  micro.recall = {low: over(hits.low, all), high: over(hits.high, all)};
  if (wrong.high === null || predicted.high === null) return;
  const worst = plus(hits.low, wrong.high), best = plus(hits.high, wrong.low), two = q(2n);
  if (worst.n && best.n) micro.precision = {low: over(hits.low, worst), high: over(hits.high, best)};
  micro.f1 = {low: over(times(two, hits.low), plus(worst, all)), high: over(times(two, hits.high), plus(best, all))};
}

