"""The timeline: a canvas over threads, streams and slots, with zoom, pan and an overview."""

TIMELINE = r"""
const T = D.timeline, LABEL = () => innerWidth < 720 ? 84 : 128, ROW = 24, TOP = 26, COUNTER = 44;
const canvas = document.querySelector("#timeline canvas"), overview = $("overview");
const shownTracks = T.tracks, last = T.spans.reduce((end, s) => Math.max(end, s[2] + s[3]), 1);
const slotRows = new Set(T.tracks.map((t, at) => t.startsWith("slot") ? at : -1).filter(at => at >= 0));
const steadySpan = Math.min((T.steady[1] - T.steady[0]) || last, 12 * (T.steady[1] - T.steady[0]) /
  Math.max(1, D.runs[0].computed) || last);
let view = [T.steady[0], T.steady[0] + Math.max(chain ? T.steady[1] - T.steady[0] : steadySpan, 1000)], hover = null, mouse = null;
const counters = T.slots.length ? 2 : 1;
const rowsHeight = () => TOP + shownTracks.length * ROW;
const fullHeight = () => rowsHeight() + counters * COUNTER + 10;

function surface(element, height) {
  const ratio = devicePixelRatio || 1, width = element.clientWidth;
  element.width = Math.round(width * ratio);
  element.height = Math.round(height * ratio);
  element.style.height = height + "px";
  const pen = element.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [pen, width];
}
function ticks(from, to, count) {
  const raw = (to - from) / count, base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(f => f * base).find(s => s >= raw), found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return [found, step];
}
const clock = (us, step) => step >= 1e6 ? (us / 1e6).toFixed(0) + " s" : step >= 1e5 ? (us / 1e6).toFixed(1) + " s"
  : step >= 1e3 ? (us / 1e3).toFixed(0) + " ms" : (us / 1e3).toFixed(2) + " ms";

function paint() {
  const [pen, width] = surface(canvas, fullHeight()), left = LABEL(), inner = width - left;
  const x = us => left + (us - view[0]) / (view[1] - view[0]) * inner;
  const ink = css("--ink"), soft = css("--soft"), line = css("--line"), faint = css("--faint");
  pen.font = "12px Inter, system-ui, sans-serif";
  pen.textBaseline = "middle";
  const [marks, step] = ticks(view[0], view[1], Math.max(2, inner / 110));
  marks.forEach(at => {
    pen.fillStyle = line; pen.fillRect(x(at), TOP - 6, 1, fullHeight() - TOP);
    pen.fillStyle = faint; pen.fillText(clock(at, step), x(at) + 4, 12);
  });
  const ends = new Array(T.tracks.length).fill(-1);
  pen.save(); pen.beginPath(); pen.rect(left, 0, inner, fullHeight()); pen.clip();
  const shade = T.names.map(name => css(colour(name)));
  for (const span of T.spans) {
    const [track, name, start, length, frame] = span;
    if (start > view[1] || start + length < view[0]) continue;
    const from = Math.max(x(start), left - 4), to = Math.min(x(start + length), width + 4);
    if (to < ends[track] + .4 && to - from < 1) continue;
    ends[track] = to;
    const wait = T.kinds[name] === "wait", slot = slotRows.has(track);
    const dim = hover && hover[4] >= 0 && hover[4] !== frame;
    pen.globalAlpha = (dim ? .18 : 1) * (slot ? .55 : wait ? .5 : 1);
    pen.fillStyle = shade[name];
    const y = TOP + track * ROW + 4, high = ROW - 8, wide = Math.max(to - from - .6, .8);
    pen.beginPath();
    if (pen.roundRect && wide > 4) pen.roundRect(from, y, wide, high, 3); else pen.rect(from, y, wide, high);
    pen.fill();
    const fits = frame >= 0 || wide > 6 * T.names[name].length - 30;
    if (fits && (wide > 34 && !wait || wide > 60)) {
      pen.fillStyle = wait || slot ? ink : "#fff";
      pen.globalAlpha *= .92;
      const title = T.names[name].replace(/^(pass|network) /, "");
      const text = frame < 0 ? title : slot || wide < 90 ? String(frame) : `${title} · ${frame}`;
      pen.fillText(text, Math.max(from, left) + 6, y + high / 2 + .5, Math.max(wide - 10, 8));
    }
  }
  pen.globalAlpha = 1;
  curve(pen, T.slots, rowsHeight(), x, css("--slot"), P.memory.slots, true);
  curve(pen, T.memory, rowsHeight() + (counters - 1) * COUNTER, x, css("--decode"), D.memory.resident_peak_bytes, false);
  pen.restore();
  pen.fillStyle = css("--raised"); pen.fillRect(0, 0, left - 1, fullHeight());
  shownTracks.forEach((track, at) => {
    pen.fillStyle = line; pen.fillRect(0, TOP + at * ROW, width, at ? .5 : 1);
    pen.fillStyle = ink; pen.fillText(track, 12, TOP + at * ROW + ROW / 2, left - 18);
  });
  pen.fillStyle = line; pen.fillRect(0, rowsHeight(), width, 1); pen.fillRect(left - 1, 0, 1, fullHeight());
  pen.fillStyle = soft;
  const middle = rowsHeight() + (counters - .5) * COUNTER;
  if (counters > 1) pen.fillText("slots in use", 12, rowsHeight() + COUNTER / 2 - 7, left - 18);
  pen.fillText("memory", 12, middle - 7, left - 18);
  pen.fillStyle = faint;
  if (counters > 1) pen.fillText(`of ${P.memory.slots}`, 12, rowsHeight() + COUNTER / 2 + 9, left - 18);
  pen.fillText(`of ${mb(D.memory.resident_peak_bytes)}`, 12, middle + 9, left - 18);
  paintOverview();
}
function curve(pen, points, top, x, shade, most, steps) {
  if (!points.length) return;
  const base = top + COUNTER - 4, y = value => base - (COUNTER - 14) * value / (most || 1);
  pen.beginPath();
  pen.moveTo(x(points[0][0]), base);
  points.forEach((point, at) => {
    if (steps && at) pen.lineTo(x(point[0]), y(points[at - 1][1]));
    pen.lineTo(x(point[0]), y(point[1]));
  });
  pen.lineTo(x(points[points.length - 1][0]), base);
  pen.globalAlpha = .35; pen.fillStyle = shade; pen.fill(); pen.globalAlpha = 1;
}
function paintOverview() {
  const [pen, width] = surface(overview, 36), columns = Math.ceil(width);
  pen.fillStyle = css("--hush"); pen.fillRect(0, 0, width, 36);
  const kinds = ["--decode", "--stage", "--encode"].map(css);
  T.spans.forEach(span => {
    const name = T.names[span[1]];
    if (T.kinds[span[1]] === "wait") return;
    const row = name.startsWith("encode") ? 2 : /^(stage|network) /.test(name) ? 1 : 0;
    if (chain && row !== 1 && !name.startsWith("pass ")) return;
    pen.fillStyle = chain && !row ? css(colour(name)) : kinds[row];
    pen.globalAlpha = .75;
    pen.fillRect(span[2] / last * columns, 5 + row * 9, Math.max(.7, span[3] / last * columns), 7);
  });
  pen.globalAlpha = 1;
  const from = view[0] / last * width, to = view[1] / last * width;
  pen.fillStyle = css("--bg"); pen.globalAlpha = .62;
  pen.fillRect(0, 0, from, 36); pen.fillRect(to, 0, width - to, 36);
  pen.globalAlpha = 1; pen.strokeStyle = css("--soft"); pen.lineWidth = 1;
  pen.strokeRect(from + .5, .5, Math.max(to - from - 1, 3), 35);
}
function look(from, to) {
  const length = Math.max(200, Math.min(to - from, last * 1.02));
  const start = Math.max(-.01 * last, Math.min(from, last * 1.01 - length));
  view = [start, start + length];
  requestAnimationFrame(paint);
}
function zoom(factor, at = .5) {
  const length = view[1] - view[0], pivot = view[0] + at * length;
  look(pivot - length * factor * at, pivot + length * factor * (1 - at));
}
const place = event => (event.clientX - canvas.getBoundingClientRect().left - LABEL()) /
  (canvas.clientWidth - LABEL());
canvas.addEventListener("wheel", event => {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoom(Math.exp(event.deltaY / 300), Math.max(0, Math.min(1, place(event))));
  } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    const shift = event.deltaX / canvas.clientWidth * (view[1] - view[0]);
    look(view[0] + shift, view[1] + shift);
  }
}, {passive: false});
const fingers = new Map();
canvas.addEventListener("pointerdown", event => {
  fingers.set(event.pointerId, event.clientX);
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId), scale = (view[1] - view[0]) / (canvas.clientWidth - LABEL());
  if (before !== undefined && fingers.size === 1) {
    look(view[0] - (event.clientX - before) * scale, view[1] - (event.clientX - before) * scale);
  } else if (before !== undefined && fingers.size === 2) {
    const other = [...fingers].find(entry => entry[0] !== event.pointerId)[1];
    const wide = Math.max(20, Math.abs(event.clientX - other)), was = Math.max(20, Math.abs(before - other));
    zoom(was / wide, Math.max(0, Math.min(1, place(event))));
  }
  if (before !== undefined) fingers.set(event.pointerId, event.clientX);
  point(event);
});
["pointerup", "pointercancel"].forEach(name =>
  canvas.addEventListener(name, event => fingers.delete(event.pointerId)));
canvas.addEventListener("pointerleave", () => { hover = null; hideTip(); requestAnimationFrame(paint); });
canvas.addEventListener("keydown", event => {
  const length = view[1] - view[0], shift = {ArrowLeft: -.15, ArrowRight: .15}[event.key];
  if (shift) look(view[0] + shift * length, view[1] + shift * length);
  else if (event.key === "+" || event.key === "=") zoom(.6);
  else if (event.key === "-") zoom(1 / .6);
});
function point(event) {
  const box = canvas.getBoundingClientRect(), at = view[0] + place(event) * (view[1] - view[0]);
  const track = Math.floor((event.clientY - box.top - TOP) / ROW), near = 2 * (view[1] - view[0]) / box.width;
  const found = T.spans.find(s => s[0] === track && s[2] - near <= at && at <= s[2] + s[3] + near) || null;
  if (found !== hover) { hover = found; requestAnimationFrame(paint); }
  if (!found) return hideTip();
  showTip(`<b>${esc(T.names[found[1]])}</b> ${long(found[3])}<br>` +
    `${found[4] >= 0 ? `frame ${found[4]}, ` : ""}at ${(found[2] / 1e6).toFixed(3)} s on ${esc(T.tracks[track])}`,
    event.clientX, event.clientY);
}
document.querySelectorAll("[data-zoom]").forEach(button => button.onclick = () => ({
  in: () => zoom(.5), out: () => zoom(2), all: () => look(0, last), steady: () => look(T.steady[0], T.steady[1]),
}[button.dataset.zoom]()));
function long(us) { return us >= 1e6 ? (us / 1e6).toFixed(2) + " s" : ms(us / 1000) + " ms"; }
let dragging = false;
function jump(event) {
  const at = (event.clientX - overview.getBoundingClientRect().left) / overview.clientWidth * last;
  const half = (view[1] - view[0]) / 2;
  look(at - half, at + half);
}
overview.addEventListener("pointerdown", event => {
  dragging = true; overview.setPointerCapture(event.pointerId); jump(event);
});
overview.addEventListener("pointermove", event => dragging && jump(event));
overview.addEventListener("pointerup", () => { dragging = false; });
document.querySelector("[data-zoom=steady]").hidden = chain;
const kindsShown = chain ? ["pass", "shot", "network", "open", "copy"].filter(word =>
  T.names.some(name => name.startsWith(word))) : T.names.filter((name, at) => T.kinds[at] !== "wait");
$("legend").innerHTML = kindsShown.map(name =>
  `<span><i style="background:var(${colour(T.names.find(other => other.startsWith(name)))})"></i>${esc(name)}</span>`).join("") +
  (chain ? "" : `<span><i style="background:var(--wait)"></i>waiting</span>`);
addEventListener("resize", paint);
repaint.push(paint);
paint();
"""
