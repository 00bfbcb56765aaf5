"""The table of layers: search, sort, filter by network and part; and the operators that take most."""

LAYERS = r"""
const L = P.layers.flatMap(group => group.layers.map(layer => ({...layer, stage: group.stage})));
let sorted = ["ms", -1], net = "", part = "", query = "", most = 40;
const columns = [["share", "", ""], ["ms", "ms", ""], ["stage", "network", "l"], ["name", "layer", "l"],
  ["kind", "operator", "l"], ["part", "part", "l"], ["shape", "output", "l"], ["rate", "FLOP/s", ""]];
const taken = layers => layers.reduce((all, layer) => all + layer.ms, 0);
L.forEach(layer => {
  layer.shape = (layer.outputs || []).join(", ");
  layer.rate = layer.operations && layer.ms ? layer.operations / layer.ms * 1000 : 0;
  layer.share = layer.ms;
  layer.text = `${layer.stage} ${layer.name} ${layer.kind} ${layer.part} ${layer.shape} ${(layer.inputs || []).join(" ")}`.toLowerCase();
});
const chosen = () => L.filter(layer => !net || layer.stage === net);
function drawLayers() {
  const key = sorted[0], within = chosen(), found = within.filter(layer => (!part || layer.part === part) &&
    query.split(/\s+/).every(word => layer.text.includes(word)));
  found.sort((a, b) => sorted[1] * (typeof a[key] === "string" ? a[key].localeCompare(b[key]) : a[key] - b[key]));
  const widest = Math.max(...within.map(layer => layer.ms), 1e-9);
  const body = found.slice(0, most).map(layer => `<tr data-tip="` +
    esc(`<b>${esc(layer.name)}</b><br>in: ${esc((layer.inputs || []).join(", "))}<br>out: ${esc(layer.shape)}`) +
    `"><td class="share"><div class="mini"><i ` +
    `style="width:${100 * layer.ms / widest}%"></i></div></td><td>${ms(layer.ms)}</td><td class="l dim">${esc(layer.stage)}</td><td class="l key">` +
    `${esc(layer.name)}</td><td class="l">${esc(layer.kind)}</td><td class="l dim">${esc(layer.part)}</td>` +
    `<td class="l shape">${esc(layer.shape)}</td><td class="dim">${layer.rate ? si(layer.rate, "") : ""}</td></tr>`);
  const head = columns.map(c => `<th class="${c[2]}" data-sort="${c[0]}"` + (sorted[0] === c[0] ?
    ` aria-sort="${sorted[1] < 0 ? "descending" : "ascending"}"` : "") + `>${c[1]}</th>`).join("");
  $("layer-table").innerHTML = `<thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody>`;
  const whole = taken(within), nets = net ? 1 : P.layers.length;
  $("more").hidden = found.length <= most;
  $("more").textContent = `Show all ${found.length}`;
  $("layer-note").textContent = (found.length === within.length ?
    `${found.length} layers take ${ms(whole)} ms` :
    `${found.length} of ${within.length} layers take ${ms(taken(found))} of ${ms(whole)} ms (${pct(taken(found) / (whole || 1))})`) +
    `: one run of ${nets > 1 ? `each of ${nets} networks, however often the clip needs each` : net || P.layers[0].stage}. ` +
    `Measured: ${[...new Set(P.layers.filter(group => !net || group.stage === net).map(group => group.measured))].join("; ")}.`;
}
function drawKinds() {
  const kinds = {}, whole = taken(chosen()) || 1;
  chosen().forEach(layer => { kinds[layer.kind] = (kinds[layer.kind] || 0) + layer.ms; });
  const largest = Object.entries(kinds).sort((a, b) => b[1] - a[1]).slice(0, 8);
  bars("kinds", largest.map(entry => ({
    label: esc(entry[0] || "unknown"), colour: "--stage", left: 0, width: 100 * entry[1] / (largest[0][1] || 1),
    value: `${ms(entry[1])} ms`, tip: `<b>${esc(entry[0])}</b><br>${pct(entry[1] / whole)} of the time of these layers`,
  })));
}
function chips(id, names, choose) {  // buttons of which one is chosen; the first: all
  $(id).innerHTML = ["", ...names].map(name => `<button type="button" data-name="${esc(name)}" aria-pressed="` +
    `${name === ""}">${esc(name || "all")}</button>`).join("");
  $(id).onclick = event => {
    const button = event.target.closest("button");
    if (!button) return;
    choose(button.dataset.name);
    [...$(id).children].forEach(other => other.setAttribute("aria-pressed", other === button));
    drawKinds();
    drawLayers();
  };
}
if (!L.length) $("layers").hidden = true;
else {
  chips("nets", P.layers.map(group => group.stage), name => { net = name; });
  $("nets").hidden = P.layers.length < 2;
  chips("parts", [...new Set(L.map(layer => layer.part))], name => { part = name; });
  $("search").oninput = () => { query = $("search").value.trim().toLowerCase(); drawLayers(); };
  $("more").onclick = () => { most = Infinity; drawLayers(); };
  $("layer-table").onclick = event => {
    const head = event.target.closest("th[data-sort]");
    if (!head) return;
    const key = head.dataset.sort, text = ["stage", "name", "kind", "part", "shape"].includes(key);
    sorted = [key, sorted[0] === key ? -sorted[1] : text ? 1 : -1];
    drawLayers();
  };
  drawKinds();
  drawLayers();
}
"""
