"""The roofline: operations a second over operations per byte, both logarithmic."""

ROOFLINE = r"""
const R = D.roofline, W = 920, H = 400, PAD = [54, 176, 44, 64];  // top right bottom left
const memoryRoof = R.roofs.find(roof => roof.unit === "bytes/s");
const flatRoofs = R.roofs.filter(roof => roof.unit === "operations/s").sort((a, b) => b.rate - a.rate);
function drawRoofline() {
  if (!R.points.length || !memoryRoof) { $("roof").hidden = true; return; }
  const xs = R.points.map(p => p.intensity), ys = R.points.map(p => p.rate);
  const roofs = flatRoofs.length ? flatRoofs.map(r => r.rate) : xs.map(x => x * memoryRoof.rate);
  const top = Math.max(...ys, ...roofs) * 2.2, lowest = Math.max(Math.min(...ys) / 2, top / 1e5);
  const leftX = Math.min(...xs, .1) / 1.6, rightX = Math.max(...xs, top / memoryRoof.rate * 2) * 1.6;
  const x = v => PAD[3] + Math.log(v / leftX) / Math.log(rightX / leftX) * (W - PAD[1] - PAD[3]);
  const y = v => H - PAD[2] - Math.log(Math.max(v, lowest) / lowest) / Math.log(top / lowest) * (H - PAD[0] - PAD[2]);
  const parts = [];
  for (let p = Math.ceil(Math.log10(leftX)); p <= Math.log10(rightX); p++) parts.push(
    `<line x1="${x(10 ** p)}" x2="${x(10 ** p)}" y1="${PAD[0]}" y2="${H - PAD[2]}" stroke="var(--line)"/>` +
    `<text x="${x(10 ** p)}" y="${H - PAD[2] + 18}" text-anchor="middle">${10 ** p}</text>`);
  for (let p = Math.ceil(Math.log10(lowest)); p <= Math.log10(top); p++) parts.push(
    `<line x1="${PAD[3]}" x2="${W - PAD[1]}" y1="${y(10 ** p)}" y2="${y(10 ** p)}" stroke="var(--line)"/>` +
    `<text x="${PAD[3] - 8}" y="${y(10 ** p) + 4}" text-anchor="end">${si(10 ** p, "")}</text>`);
  parts.push(`<text x="${W - PAD[1]}" y="${H - 6}" text-anchor="end">operations per byte</text>`);
  parts.push(`<text x="${PAD[3]}" y="${PAD[0] - 18}">operations per second</text>`);
  const peak = flatRoofs.length ? flatRoofs[0].rate : top;
  const ridge = peak / memoryRoof.rate;
  parts.push(`<path d="M${x(leftX)} ${y(leftX * memoryRoof.rate)}L${x(ridge)} ${y(peak)}" fill="none" ` +
    `stroke="var(--copy)" stroke-width="2"/>`);
  const mid = Math.sqrt(Math.max(leftX, lowest / memoryRoof.rate) * ridge);
  const slope = Math.atan2(y(ridge * memoryRoof.rate) - y(leftX * memoryRoof.rate), x(ridge) - x(leftX));
  parts.push(`<text transform="translate(${x(mid)} ${y(mid * memoryRoof.rate) - 9}) rotate(` +
    `${slope * 180 / Math.PI})" text-anchor="middle">memory ${si(memoryRoof.rate, "B/s")}</text>`);
  const taken = [];  // heights of labels so far: roofs may lie close together
  const roofLabel = at => {
    let free = at + 4;
    while (taken.some(other => Math.abs(other - free) < 14)) free += 4;
    taken.push(free);
    return free;
  };
  flatRoofs.forEach((roof, at) => parts.push(
    `<line x1="${x(roof.rate / memoryRoof.rate)}" x2="${W - PAD[1]}" y1="${y(roof.rate)}" y2="${y(roof.rate)}" ` +
    `stroke="var(--soft)" stroke-width="1.5" stroke-dasharray="${at ? "5 4" : "none"}"/>` +
    `<text x="${W - PAD[1] + 8}" y="${roofLabel(y(roof.rate))}">${esc(roof.name)} ` +
    `${si(roof.rate, roof.name.includes("int8") ? "OP/s" : "FLOP/s")}</text>`));
  const order = {layer: 0, part: 1, stage: 2}, labels = [];
  const height = (at, near) => {  // of a label, above others that it would lie on
    while (labels.some(other => Math.abs(other[0] - at) < 170 && Math.abs(other[1] - near) < 13)) near -= 13;
    labels.push([at, near]);
    return near;
  };
  [...R.points].sort((a, b) => order[a.level] - order[b.level]).forEach(p => {
    const radius = {layer: 4, part: 7, stage: 10}[p.level];
    const shade = p.level === "part" ? "--encode" : "--stage";
    const text = `<b>${esc(p.name)}</b><br>${ms(p.ms)} ms, ${si(p.rate, "FLOP/s")}<br>${p.intensity.toFixed(1)} ` +
      `operations a byte` + (p.reached ? `<br>${pct(p.reached)} of the roof` : "");
    parts.push(`<circle cx="${x(p.intensity)}" cy="${y(p.rate)}" r="${radius}" fill="var(${shade})" ` +
      `fill-opacity="${p.level === "layer" ? .35 : .9}" stroke="var(--bg)" stroke-width="1.5" ` +
      `data-tip="${esc(text)}"/>`);
    if (p.level !== "layer") parts.push(`<text class="strong" x="${x(p.intensity) + (p.level === "stage" ? -14 : -2)}" ` +
      `y="${p.level === "stage" ? height(x(p.intensity), y(p.rate) - 10) : y(p.rate) + 24}" text-anchor="${p.level === "stage" ? "end" : "start"}">` +
      `${esc(p.name)}</text>`);
  });
  $("roofline").innerHTML = `<div class="scroll"><svg viewBox="0 0 ${W} ${H}" style="min-width:640px" role="img" ` +
    `aria-label="Roofline">${parts.join("")}</svg></div>`;
  const stage = R.points.find(p => p.level === "stage");
  $("roof-note").textContent = (R.threads ? `Lines: what this machine reaches at best with ${R.threads} thread` +
    `${R.threads > 1 ? "s" : ""}, as each run of a stage has. Dots: a stage with its parts and larger layers, other networks. `
    : `Lines: what this GPU reaches at best, measured just after the run. Dots: networks, one run at a time. `) +
    (stage.reached ? `Stage ${stage.name.split(" ")[1]} reaches ${pct(stage.reached)} of what the ${R.threads ? "FP32 " : ""}roof over ` +
    `it allows.` : "");
}
drawRoofline();
"""
