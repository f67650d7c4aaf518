// Checks across the rows.
const COMBINATIONS = 5000;
const GIVEN = " (every item has one label, and every label is a row)";

function checkTotals(evidence) {
  const {table, known, closed} = evidence, total = table.total, found = [];
  if (total === null) return found;
  for (const row of Object.values(table.averages)) if (row.support !== null && row.support !== total)
    found.push(about(row, "support", "support-total", commas(row.support), commas(total),
      `${row.name}, support ${commas(row.support)}: the supports of the rows add up to ${commas(total)}.`));
  if (known !== null && known !== total)
    found.push(about(null, "support", "support-total", commas(total), commas(known),
      `the supports of the rows add up to ${commas(total)}, but ${commas(known)} items were to be scored.`));
  if (!closed) return found;
  const predicted = add(evidence.spans.map((span) => span.predicted)), items = q(total);
  if (!below(items, predicted.low) && (predicted.high === null || !below(predicted.high, items)))
    return [...found, ...errors(evidence)];
  const low = commas(ceil(predicted.low));
  const possible = predicted.high === null ? "at least " + low : low + " to " + commas(floor(predicted.high));
  found.push(about(null, "predicted", "predicted-total", commas(total), possible,
    `the rows imply ${possible} predictions in all, but there are ${commas(total)} items${GIVEN}.`));
  return found;
}
function errors({table, spans}) {
  const found = [];
  table.rows.forEach((row, number) => {
    const span = spans[number], others = table.rows.map((_, n) => n).filter((n) => n !== number);
    const missed = others.map((n) => minus(q(table.rows[n].support), spans[n].hits.low)).reduce(plus, ZERO);
    const wrong = add(others.map((n) => spans[n].false)), own = minus(q(row.support), span.hits.high);
    if (below(missed, span.false.low)) {
      const few = commas(ceil(span.false.low)), most = commas(floor(missed));
      found.push(about(row, "precision", "errors", few, most, `${row.name} was predicted wrongly at least ${few} times, `
        + `but the other rows miss at most ${most} items${GIVEN}.`));
    }
    if (wrong.high !== null && below(wrong.high, own)) {
      const few = commas(ceil(own)), most = commas(floor(wrong.high));
      found.push(about(row, "recall", "errors", few, most, `${row.name} misses at least ${few} items, `
        + `but the other rows have at most ${most} wrong predictions${GIVEN}.`));
    }
  });
  return found;
}
const nameOf = (table, row, column) => (row === table.averages.accuracy ? row.name : `${row.name}, ${LABELS[column]}`);
function average(table, row, column, cell, possible, under) {
  return about(row, column, "average", cell.text, possible,
    `${nameOf(table, row, column)} ${cell.text}: the rows imply ${possible}${under}.`);
}
function checkShares({table, spans, closed}) {
  const total = table.total, hits = add(spans.map((span) => span.hits)), found = [], sources = [];
  if (!total || hits.high === null) return found;
  const first = ceil(hits.low), last = floor(hits.high);
  let fits = [first, last];
  const wanted = closed ? [["accuracy", "f1", GIVEN], ["micro", "precision", GIVEN], ["micro", "recall", ""],
    ["micro", "f1", GIVEN], ["weighted", "recall", ""]] : [["micro", "recall", ""], ["weighted", "recall", ""]];
  for (const [kind, column, under] of wanted) {
    const row = table.averages[kind], cell = row && row[column];
    if (!cell) continue;
    const low = ceilDiv(cell.low * total, cell.scale), high = floorDiv(cell.high * total, cell.scale);
    if (max(low, first) > min(high, last)) {
      const possible = spread(over(hits.low, q(total)), over(hits.high, q(total)), cell.digits, table.percent);
      found.push(average(table, row, column, cell, possible, under));
    } else if (max(low, fits[0]) > min(high, fits[1])) {
      const possible = spread(q(fits[0], total), q(fits[1], total), cell.digits, table.percent);
      found.push(about(row, column, "disagreement", cell.text, possible,
        `${nameOf(table, row, column)} ${cell.text}: it is the share of right items, as ${sources.join(" and ")} is, and no `
        + `number of right items in ${commas(total)} prints as both${closed ? GIVEN : ""}.`));
    } else {
      fits = [max(low, fits[0]), min(high, fits[1])];
      sources.push(`${nameOf(table, row, column)} ${cell.text}`);
    }
  }
  return found;
}
function checkMicro({table, spans, closed, recomputed}) {
  const row = table.averages.micro, total = table.total, found = [], cells = {};
  if (closed || !row || !total) return found;
  const [hits, predicted, wrong] = ["hits", "predicted", "false"].map((name) => add(spans.map((span) => span[name])));
  for (const column of ["recall", "precision", "f1"]) {
    const cell = row[column];
    if (!cell) continue;
    cells[column] = cell;
    if (pooled(cells, total, hits, predicted, wrong)) continue;
    delete cells[column];
    if (column === "recall") continue;
    const span = recomputed.micro[column];
    found.push(average(table, row, column, cell, span ? spread(span.low, span.high, cell.digits, table.percent) : "", ""));
  }
  return found;
}
function pooled(cells, total, hits, predicted, wrong) {
  let first = ceil(hits.low), last = hits.high === null ? 0n : floor(hits.high);
  if (cells.recall) {
    first = max(first, ceilDiv(cells.recall.low * total, cells.recall.scale));
    last = min(last, floorDiv(cells.recall.high * total, cells.recall.scale));
  }
  if (last - first >= LIMIT) return true;
  for (let right = first; right <= last; right++) if (pooledPredictions(right, cells, total, predicted, wrong)) return true;
  return false;
}
function pooledPredictions(right, {precision, f1}, total, predicted, wrong) {
  let fewest = ceil(greatest([predicted.low, plus(q(right), wrong.low)]));
  const most = [predicted.high, wrong.high && plus(q(right), wrong.high)].filter(Boolean).map(floor);
  if (right === 0n) {
    const undefined_ = fewest === 0n && precision && precision.high === precision.scale;
    const fits = (!precision || precision.low === 0n || undefined_) && (!f1 || f1.low === 0n);
    return Boolean(fits) && (!most.length || fewest <= min(...most));
  }
  if (precision) {
    if (precision.high === 0n) return false;
    fewest = max(fewest, ceilDiv(right * precision.scale, precision.high));
    if (precision.low) most.push(right * precision.scale / precision.low);
  }
  if (f1) {
    if (f1.high === 0n) return false;
    fewest = max(fewest, ceilDiv(2n * right * f1.scale, f1.high) - total);
    if (f1.low) most.push(2n * right * f1.scale / f1.low - total);
  }
  return !most.length || fewest <= min(...most);
}
function checkMeans({table, spans, recomputed}) {
  const found = [], kept = table.rows.map((_, n) => n).filter((n) => table.rows[n].support !== 0n);
  const readings = !kept.length || kept.length === spans.length ? [recomputed]
    : [recomputed, recompute(kept.map((n) => table.rows[n]), kept.map((n) => spans[n]))];
  for (const kind of ["macro", "weighted"]) {
    const row = table.averages[kind];
    for (const [column, cell] of row ? cellsOf(row) : []) {
      if (kind === "weighted" && column === "recall" && table.total) continue;
      const ranges = readings.map((result) => result[kind][column]);
      const meets = ({low, high}) => !below(high, cell.lowQ) && !below(cell.highQ, low);
      if (ranges.some((span) => span === null || meets(span))) continue;
      const possible = spread(ranges[0].low, ranges[0].high, cell.digits, table.percent);
      if (column === "f1" && !isDefined(row) && readings.some((result) => meets(harmonicRange(result[kind]))))
        found.push(about(row, "f1", "other-definition", cell.text, possible, `${row.name}, F1 ${cell.text}: the rows' F1 `
          + `average to ${possible}; the number fits the harmonic mean of the averaged precision and recall, which is `
          + "another definition."));
      else found.push(average(table, row, column, cell, possible, ""));
    }
  }
  return found;
}
const isDefined = (row) => ["macro avg", "weighted avg"].includes(row.name.toLowerCase());
function harmonicRange({precision, recall}) {
  if (!precision || !recall) return {low: ZERO, high: ONE};
  return {low: harmonic(precision.low, recall.low), high: harmonic(precision.high, recall.high)};
}

// Every combination of counts, where they are few.
function checkTogether({table, spans, closed}) {
  const total = table.total, listed = [];
  if (!total) return [];
  let size = 1;
  for (const span of spans) {
    if (span.options === null || (!closed && span.predicted.high === null)) return [];
    const own = [];
    const ends = span.options.map((o) => [o, o.most === null ? total : closed ? min(o.most, total) : o.most]);
    size *= ends.reduce((sum, [o, most]) => sum + (most >= o.fewest ? Number(most - o.fewest) + 1 : 0), 0);
    if (size > COMBINATIONS) return [];
    for (const [o, most] of ends) for (let p = o.fewest; p <= most; p++) own.push([o.hits, p]);
    listed.push(own);
  }
  if (listed.some((own) => !own.length)) return [];
  let tried = 0;
  const chosen = [];
  function search(place) {
    if (place === listed.length) {
      tried++;
      return (!closed || hasMatrix(table, chosen)) && fitsAll(table, chosen, closed);
    }
    return listed[place].some((pair) => { chosen[place] = pair; return search(place + 1); });
  }
  if (search(0)) return [];
  return [about(null, "", "joint", "", "", "each number is possible by itself, but no counts fit all rows and averages at "
    + `once (${commas(tried)} combination${tried !== 1 ? "s" : ""} tried).`)];
}
const sum = (values) => values.reduce((a, b) => a + b, 0n);
function hasMatrix(table, counts) {
  const wrong = table.total - sum(counts.map(([hits]) => hits));
  if (sum(counts.map(([, predicted]) => predicted)) !== table.total) return false;
  return counts.every(([hits, predicted], n) => table.rows[n].support - hits + predicted - hits <= wrong);
}
function fitsAll(table, counts, closed) {
  const {accuracy, micro} = table.averages, total = table.total;
  const right = sum(counts.map(([hits]) => hits)), guesses = sum(counts.map(([, predicted]) => predicted));
  if (closed && accuracy && accuracy.f1 && !admits(accuracy.f1, right, total)) return false;
  if (micro) {
    if (micro.recall && !admits(micro.recall, right, total)) return false;
    if (micro.f1 && !admits(micro.f1, 2n * right, guesses + total)) return false;
    if (guesses && micro.precision && !admits(micro.precision, right, guesses)) return false;
  }
  return ["macro", "weighted"].every((kind) => fitsMean(table, counts, kind));
}
function fitsMean(table, counts, kind) {
  const row = table.averages[kind];
  return (row ? cellsOf(row) : []).every(([column, cell]) => {
    if (table.rows.some((own) => !own[column])) return true;
    const found = means(table, counts, kind, column);
    if (column === "f1" && !isDefined(row)) {
      const recalls = means(table, counts, kind, "recall");
      found.push(...means(table, counts, kind, "precision").map((precision, n) => harmonic(precision, recalls[n])));
    }
    return found.some((mean) => admits(cell, mean.n, mean.d));
  });
}
function means(table, counts, kind, column) {
  const supports = table.rows.map((row) => row.support), weights = kind === "weighted" ? supports : supports.map(() => 1n);
  const shares = table.rows.map((row, n) => shareOf(row, counts[n], column));
  const total = (values) => values.reduce(plus, ZERO);
  const found = [over(total(shares.map((share, n) => times(q(weights[n]), share))), q(sum(weights)))];
  if (kind === "macro" && supports.includes(0n)) {
    const kept = shares.filter((_, n) => supports[n]);
    found.push(over(total(kept), q(BigInt(kept.length))));
  }
  return found;
}
function shareOf(row, [hits, predicted], column) {
  const support = row.support, cell = row[column];
  const [n, d] = {precision: [hits, predicted], recall: [hits, support], f1: [2n * hits, predicted + support]}[column];
  return d ? q(n, d) : !cell || cell.low === 0n ? ZERO : ONE;
}
