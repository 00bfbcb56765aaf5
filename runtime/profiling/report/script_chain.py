"""Passes and networks of several stages: bars over the run, what threads were at, tables."""

CHAIN = r"""
const seconds = value => value >= 100 ? value.toFixed(0) + " s" : value >= 1 ? value.toFixed(2) + " s" : ms(1000 * value) + " ms";
const doings = [["network", "--stage", "network"], ["compute", "--decode", "computing"],
  ["write files", "--encode", "writing pictures"], ["read files", "--fill", "reading pictures"],
  ["decode", "--look", "decoding"], ["wait for frames", "--wait", "waiting for frames"],
  ["wait for writers", "--slot", "waiting for writers"], ["wait", "--faint", "waiting"]];
const listed = taken => doings.filter(d => taken[d[0]]).map(d => `${d[2]} ${seconds(taken[d[0]])}`).join("<br>");
const engine = n => esc(`${n.provider.replace("ExecutionProvider", "")} ${n.precision}`);
function chainTiles() {
  const longest = D.passes.reduce((a, b) => a.s >= b.s ? a : b), nets = D.passes.reduce((sum, p) => sum + p.network_s, 0);
  const opening = D.passes.reduce((sum, p) => sum + p.open_s, 0);
  const kinds = [...new Set(D.networks.map(n => n.precision))];
  return [
    ["Time", seconds(D.elapsed_s), `${D.held.frames} frames`],
    ["Runs", runs.length, runs.length > 1 ? `${spread[0].toFixed(2)} – ${spread[1].toFixed(2)} FPS` : "of the clip"],
    ["Longest pass", esc(longest.name), `${pct(longest.share)} of the time`],
    ["In networks", pct(nets / D.elapsed_s), `device idle ${pct(1 - nets / D.elapsed_s)}, opening ${pct(opening / D.elapsed_s)}`],
    ["CPU", D.cpu_cores_busy.toFixed(2), `of ${D.machine.usable_cores} cores busy`],
    ["Held frames", pct(D.held.reused), `${D.held.computed} of ${D.held.frames} computed`],
    ["Memory", mb(D.memory.resident_peak_bytes), `peak; ${mb(D.memory.device_bytes)} device, ${mb(D.memory.pinned_bytes)} pinned`],
    ["Precision", esc(kinds.join(", ") || "none"), esc(D.device.name)],
    ...(P.runs.length ? [
      ["Stage 2a steady", P.steady_fps.toFixed(2), "FPS, frame by frame"],
      ["Stage 2a overlap", P.overlap.toFixed(2) + "×", "things at once"],
      ["Stage 2a idle", pct(P.device_idle), "of its steady state no network ran"],
      ["Stage 2a slot", ms(figure("slot").p50_ms) + " ms", `p99 ${ms(figure("slot").p99_ms)} ms, taken to written`],
    ] : []),
  ];
}
function passBars() {
  const end = Math.max(...D.passes.map(p => p.start_s + p.s), 1e-9);
  $("pass-bars").innerHTML = D.passes.map(p => {
    const all = Object.values(p.spent_s).reduce((sum, value) => sum + value, 0);
    let at = 100 * p.start_s / end;
    const full = 100 * p.s / end;
    const pieces = all ? doings.filter(d => p.spent_s[d[0]]).map(d => {
      const wide = full * p.spent_s[d[0]] / all, piece = `<b style="left:${at}%;width:${wide}%;background:var(${d[1]})"></b>`;
      at += wide;
      return piece;
    }).join("") : `<b style="left:${at}%;width:${full}%;background:var(--pass)"></b>`;
    const tip = `<b>${esc(p.name)}</b> ${seconds(p.s)}, ${pct(p.share)}<br>${listed(p.own_thread_s)}` +
      (listed(p.helpers_s) ? `<br><b>helpers</b><br>${listed(p.helpers_s)}` : "");
    return `<div class="row"><span class="name">${esc(p.name)}${p.stages ? ` <small>${esc(p.stages)}</small>` : ""}</span>` +
      `<span class="lane" data-tip="${esc(tip)}">${pieces}</span><span class="value">${seconds(p.s)}</span></div>`;
  }).join("") + `<div class="axis"><span>0</span><span>${seconds(end / 2)}</span><span>${seconds(end)}</span></div>`;
  const used = doings.filter(d => D.passes.some(p => p.spent_s[d[0]]));
  $("doings").innerHTML = used.map(d => `<span><i style="background:var(${d[1]})"></i>${d[2]}</span>`).join("");
}
function passTable() {
  const rows = D.passes.map(p => `<tr>` +
    `<td class="l key"><b>${esc(p.name)}</b>${p.functions.slice(0, 3).map(f =>
      `<small class="roomy"><br>${esc(f.name)} ${seconds(f.s)}</small>`).join("")}</td><td>${pct(p.share)}</td><td>${seconds(p.s)}</td>` +
    `<td>${p.fps.toFixed(p.fps >= 100 ? 0 : p.fps >= 10 ? 1 : 2)}</td>` +
    `<td class="roomy">${p.network_s ? seconds(p.network_s) : ""}</td><td class="roomy">${p.open_s ? seconds(p.open_s) : ""}</td>` +
    `<td class="roomy">${p.shots ? `<small>${p.shots} ×</small> ${seconds(p.shot.p50_ms / 1000)}` : ""}</td>` +
    `<td>${p.peak_bytes ? mb(p.peak_bytes) : ""}</td>` +
    ["device_bytes", "pinned_bytes"].map(of => `<td class="roomy">${p[of] ? mb(p[of]) : ""}</td>`).join("") + `</tr>`);
  $("pass-table").innerHTML = `<thead><tr><th class="l">pass<span class="roomy">, and what of the host's code computed most</span></th><th>share</th>` +
    `<th>time</th><th>FPS</th><th class="roomy">networks</th><th class="roomy">opening</th><th class="roomy">shots, p50</th>` +
    `<th>memory</th><th class="roomy">device</th><th class="roomy">pinned</th></tr></thead><tbody>${rows.join("")}<tr><td class="l dim">between passes</td>` +
    `<td>${pct(D.rest.share)}</td><td>${seconds(D.rest.s)}</td><td></td>${'<td class="roomy"></td>'.repeat(3)}<td></td>${'<td class="roomy"></td>'.repeat(2)}</tr></tbody>`;
}
function networkTable() {
  const rows = D.networks.filter(n => n.runs).map(n => `<tr data-tip="${esc(`<b>${esc(n.name)}</b><br>${esc(n.library)}, ${esc(n.file)}`)}">` +
    `<td class="l key">${esc(n.model)} <b>${esc(n.graph)}</b> <small>${esc(n.during)}</small></td><td>${pct(n.share)}</td>` +
    `<td>${n.runs}</td><td class="roomy">${n.runs_per_fresh_frame.toFixed(2)}</td><td class="roomy">${n.batch}</td>` +
    `<td class="roomy dim">${ms(n.first_ms)}</td><td>${ms(n.p50_ms)}</td><td class="roomy">${ms(n.p90_ms)}</td><td>${ms(n.p99_ms)}</td>` +
    `<td class="roomy">${ms(n.max_ms)}</td><td class="roomy">${ms(n.copy_in.p50_ms)}</td>` +
    `<td class="roomy">${ms(n.copy_out.p50_ms)}</td><td class="l dim">${engine(n)}</td></tr>`);
  $("network-table").innerHTML = `<thead><tr><th class="l">network</th><th>share</th><th>runs</th><th class="roomy">a fresh frame</th>` +
    `<th class="roomy">batch</th><th class="roomy">first</th><th>p50</th><th class="roomy">p90</th><th>p99</th>` +
    `<th class="roomy">max</th><th class="roomy">copy in</th><th class="roomy">out</th><th class="l">engine</th></tr></thead>` +
    `<tbody>${rows.join("")}</tbody>`;
}
if (chain) {
  passBars(); passTable(); networkTable();
  $("networks").hidden = !D.networks.some(n => n.runs);
  document.querySelectorAll(".of-pipeline").forEach(span => { span.textContent = "Stage 2a frame by frame: "; });
  $("frame").hidden = !P.waterfall.length;
  $("busy").hidden = !P.resources.length;
} else {
  $("passes").hidden = $("networks").hidden = true;
}
"""
