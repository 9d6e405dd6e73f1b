// Prints results.

const columns = [
  ["contender", -26], ["events/s", 9], ["payments is", 20], ["p50 ms", 8], ["p95", 7], ["p99", 7],
  ["CPU µs server", 14], ["client", 7],
  ["WAL B", 7], ["+ images", 9], ["disk B", 7],
];

const padded = (texts) =>
  texts.map((text, i) => (columns[i][1] < 0 ? text.padEnd(-columns[i][1]) : text.padStart(columns[i][1]))).join(" ");
const whole = (number) => Math.round(number).toString();

export function heading(title, clients, rounds) {
  const who = clients === 1 ? "1 client" : `${clients} clients`;
  return `\n${title}, ${who}: of each event, the median of ${rounds} turns; ratios of rates within a round\n${padded(columns.map(([name]) => name))}`;
}

/** A contender's row. The ratio is the rate of payments divided by the contender's; the previous run's is beside it. */
export function line(row) {
  const before = row.before ? ` (was ${row.before.toFixed(2)})` : "";
  return padded([
    row.contender, whole(row.rate), `${row.ratio.toFixed(2)} ×${before}`,
    row.p50.toFixed(2), row.p95.toFixed(2), row.p99.toFixed(2),
    whole(row.server_cpu), whole(row.client_cpu), whole(row.wal), whole(row.wal_images), whole(row.disk),
  ]);
}

/** Two builds side by side: old → new, and the ratio of the new value to the old one. */
export function comparison(name, old, ours) {
  const pair = (what, measure, unit, ratio = ours[measure] / old[measure]) =>
    `${what} ${whole(old[measure])} → ${whole(ours[measure])}${unit} (${ratio.toFixed(2)})`;
  return [
    `${name} → now:`, pair("events/s", "rate", "", old.ratio), pair("CPU", "server_cpu", " µs"), pair("WAL", "wal", " B"),
    pair("disk", "disk", " B"),
  ].join("  ");
}
