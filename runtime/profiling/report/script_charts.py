"""Header, way of a frame, busy parts, latencies, memory, machine."""

CHARTS = r"""
const clip = D.clip, first = P.stages[0] || {};
$("clip").innerHTML = `<b>${esc(clip.path)}</b> &nbsp;${clip.width}&thinsp;×&thinsp;` +
  `${clip.height} &nbsp;·&nbsp; ${esc(D.device.title)} &nbsp;·&nbsp; ` +
  (chain ? `stages ${esc(D.options.stages.join(", "))}, preset ${esc(D.options.preset)}` :
    P.stages.map(s => `stage ${esc(s.number)}: ${esc(s.model)}` +
      (s.precision === "none" ? "" : ` ${esc(s.precision)}`)).join(", "));
const speed = chain ? D.fps.over_all : D.fps.steady;
$("fps").textContent = speed.toFixed(speed >= 100 ? 0 : speed >= 10 ? 1 : 2);
$("fps-note").innerHTML = `frames per second,<br>${chain ? "all passes together" : "at steady state"}`;
$("headline").textContent = D.verdict.headline;
$("next").innerHTML = D.verdict.next.map(line => `<li>${words(line)}</li>`).join("");

const figure = name => P.figures.find(row => row.name === name) || {};
const runs = D.runs.map(run => chain ? run.fps : run.steady_fps), spread = [Math.min(...runs), Math.max(...runs)];
const tiles = chain ? chainTiles() : [
  ["Over all", D.fps.over_all.toFixed(2), "FPS, start and end included"],
  ["Runs", runs.length, runs.length > 1 ? `${spread[0].toFixed(2)} – ${spread[1].toFixed(2)} FPS` : "of the clip"],
  ["Slot lifetime", ms(figure("slot").p50_ms) + " ms", `p99 ${ms(figure("slot").p99_ms)} ms, taken to written`],
  ["Device idle", pct(D.device_idle), "of the steady state"],
  ["Overlap", D.overlap.toFixed(2) + "×", "things at once"],
  ["Held frames", pct(D.held.reused), `${D.held.computed} of ${D.held.frames} computed`],
  ["Memory", mb(D.memory.resident_peak_bytes), "peak of the process"],
  ["Precision", esc(first.precision || "none"), esc((first.provider || "").replace("ExecutionProvider", ""))],
];
$("tiles").innerHTML = tiles.map(t => `<div><dt>${t[0]}</dt><dd>${t[1]}<small>${t[2]}</small></dd></div>`).join("");

function bars(id, rows) {
  $(id).innerHTML = rows.map(row => `<div class="row${row.quiet ? " quiet" : ""}"><span class="name">` +
    `${row.label}</span><span class="lane" data-tip="${esc(row.tip)}"><i class="${row.quiet ? "hatch" : ""}" ` +
    `style="left:${row.left}%;width:${row.width}%;background:var(${row.colour})"></i></span>` +
    `<span class="value">${row.value}</span></div>`).join("");
}

const total = Math.max(...P.waterfall.map(row => row.start_ms + row.ms), 1e-9);
bars("waterfall", P.waterfall.map(row => ({
  label: esc(row.name), quiet: row.kind === "wait", colour: colour(row.name), value: ms(row.ms) + " ms",
  left: 100 * row.start_ms / total, width: 100 * row.ms / total,
  tip: `<b>${esc(row.name)}</b><br>begins at ${ms(row.start_ms)} ms, takes ${ms(row.ms)} ms`,
})));
$("waterfall").insertAdjacentHTML("beforeend",
  `<div class="axis"><span>0</span><span>${ms(total / 2)} ms</span><span>${ms(total)} ms</span></div>`);

bars("resources", P.resources.map(row => ({
  label: esc(row.name) + (row.tracks > 1 ? ` <small>× ${row.tracks}</small>` : ""), colour: colour(row.name),
  value: pct(row.busy), left: 0, width: 100 * row.busy,
  tip: `<b>${esc(row.name)}</b><br>busy ${pct(row.busy)} of the steady state`,
})).concat([{
  label: `CPU cores <small>× ${D.machine.usable_cores}</small>`, colour: "--faint", left: 0,
  value: pct(Math.min(1, P.cpu_cores_busy / D.machine.usable_cores)),
  width: Math.min(100, 100 * P.cpu_cores_busy / D.machine.usable_cores),
  tip: `this program ${P.cpu_cores_busy.toFixed(2)} cores, others ${P.others_cores_busy.toFixed(2)}`,
}].filter(() => P.resources.length)));

function histogram(values, low, high, shade) {
  const bins = 72, counts = new Array(bins).fill(0), span = Math.log(high / low);
  values.forEach(value => {
    const at = Math.floor(bins * Math.log(Math.max(value, low) / low) / span);
    counts[Math.max(0, Math.min(bins - 1, at))] += 1;
  });
  const most = Math.max(...counts), width = 300 / bins;
  const columns = counts.map((count, at) => count ? `<rect x="${(at * width).toFixed(1)}" rx="1" width="` +
    `${(width - .8).toFixed(1)}" y="${(25 - 22 * Math.sqrt(count / most)).toFixed(1)}" height="` +
    `${(22 * Math.sqrt(count / most)).toFixed(1)}" fill="var(${shade})"/>` : "").join("");
  return `<svg viewBox="0 0 300 26" preserveAspectRatio="none"><line x1="0" x2="300" y1="25.5" y2="25.5" ` +
    `stroke="var(--line)"/>${columns}</svg>`;
}
const groups = chain ? [["", D.figures.filter(row => !row.name.startsWith("pass ")), D.distributions],  // a table of their own
  ["Stage 2a frame by frame", P.figures, P.distributions]] : [["", D.figures, D.distributions]];
const every = groups.flatMap(group => group[1].flatMap(row => group[2][row.name] || [])).filter(value => value > 0);
const low = Math.max(1e-3, every.reduce((a, b) => Math.min(a, b), Infinity));
const high = Math.max(low * 10, every.reduce((a, b) => Math.max(a, b), 0));
const spreadRow = (row, values) => `<tr><td class="l"><i class="dot" style="background:var(` +
  `${row.kind === "wait" ? "--wait" : colour(row.name)})"></i>${esc(row.name)}</td><td class="chart">` +
  `${histogram(values, low, high, row.kind === "wait" ? "--wait" : colour(row.name))}` +
  `</td><td>${ms(row.p50_ms)}</td><td class="opt">${ms(row.p90_ms)}</td><td>${ms(row.p99_ms)}</td>` +
  `<td class="opt">${ms(row.max_ms)}</td><td class="opt dim">${row.count}</td></tr>`;
const rowsOf = groups.filter(group => group[1].length).map(group =>
  (group[0] ? `<tr><th class="l group" colspan="7">${group[0]}</th></tr>` : "") +
  group[1].map(row => spreadRow(row, group[2][row.name] || [])).join("")).join("");
$("spread").hidden = !rowsOf;
$("latency").innerHTML = `<thead><tr><th class="l">ms</th><th class="l" style="font-weight:400">` +
  `${ms(low)} … ${ms(high)}</th><th>p50</th><th class="opt">p90</th><th>p99</th><th class="opt">max</th>` +
  `<th class="opt">count</th></tr></thead><tbody>${rowsOf}</tbody>`;

const shades = ["--stage", "--copy", "--encode", "--decode", "--fill", "--submit", "--look", "--stage2"];
function stack(place, title) {
  const items = P.memory.plan.filter(item => item.place === place);
  const sum = items.reduce((sum, item) => sum + item.total_bytes, 0) || 1;
  const rows = items.map((item, at) => `<tr><td class="l"><i class="dot" style="background:var(` +
    `${shades[at % 8]})"></i>${esc(item.name)}</td><td class="dim">${item.count} × ${mb(item.size_bytes)}</td>` +
    `<td>${mb(item.total_bytes)}</td></tr>`).join("");
  return `<div><div class="big">${mb(sum === 1 ? 0 : sum)}</div><div class="note" style="margin:0 0 10px">` +
    `${title}</div><div class="stack">` + items.map((item, at) => `<i data-tip="` +
    esc(`<b>${esc(item.name)}</b><br>${mb(item.total_bytes)}`) + `" style="flex:${item.total_bytes};background:var(${shades[at % 8]})"></i>`).join("") +
    `</div><table>${rows}</table></div>`;
}
const M = P.memory;
if (!M.plan.length) $("memory").hidden = true;
$("memory-note").textContent = `${chain ? "Stage 2a: " : ""}${M.slots} slots of ${M.batch} frame${M.batch > 1 ? "s" : ""}, ${M.lanes} at ` +
  `once, allocated before the first frame and used again and again. The process peaked at ` +
  `${mb(M.resident_peak_bytes)}, ${mb(M.resident_peak_bytes - M.resident_at_start_bytes)} above its start${chain ? ", while it ran" : ""}.` +
  (chain ? " What other passes took is in their table." : "");
$("plan").innerHTML = `<div class="pair">${stack("device", "planned on the device")}` +
  `${stack("pinned", "planned in pinned host memory")}</div>`;

const packages = Object.entries(D.machine.packages).map(entry => entry.join(" ")).join(", ");
const facts = [
  ["Processor", D.machine.cpu], ["Cores to use", D.machine.usable_cores], ["System", D.machine.system],
  ["Device", `${D.device.name} (${D.device.title})`], ["Python", D.machine.python], ["Packages", packages],
  ...P.stages.map(s => [`Stage ${s.number}`, `${s.model}, ${s.precision}, ${s.provider} of ${s.library}; ` +
    `${s.parallel} at once${s.threads_per_run ? `, ${s.threads_per_run} thread each` : ""}` +
    (s.file ? `; ${s.file}` : "")]),
  ["Clip", `${clip.path}, ${clip.width}×${clip.height}, ${clip.rate} frames per second`],
  ["Options", Object.entries(D.options).filter(e => e[1] !== null).map(e => `${e[0]} ${e[1]}`).join(", ")],
  ["Other programs", `${D.others_cores_busy.toFixed(2)} cores busy during the run shown`],
  ...(P.ceilings.length ? [["Ceilings", P.ceilings.map(c => `${c.name} ${c.precision}`.trim() +
    ` ${si(c.rate, {"bytes/s": "B/s", "operations/s": "FLOP/s"}[c.unit] || c.unit)} (` +
    `${c.threads ? `${c.threads} thread${c.threads > 1 ? "s" : ""}` : "GPU"})`).join(", ")]] : []),
];
$("facts").innerHTML = facts.map(f => `<dt>${esc(f[0])}</dt><dd>${esc(f[1])}</dd>`).join("");
$("notices").hidden = !D.notices.length;
$("notices").lastElementChild.innerHTML = D.notices.map(line => `<li>${words(line)}</li>`).join("");
$("footer").textContent = `Measured ${D.created.replace("T", " ").replace("+00:00", " UTC")} with trt-anime ` +
  `${D.version}. This file needs no network. With a report the command writes profile.json, which has every ` +
  `figure, and trace.json, which opens in Perfetto.`;
"""
