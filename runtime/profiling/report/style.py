"""The report's style: light and dark, wide and narrow."""

_COLOURS = r"""
:root{--bg:#faf9f6;--raised:#fff;--ink:#1f2229;--soft:#666b76;--faint:#9aa0aa;--line:#e7e4dd;--hush:#f1efe9;
--accent:#5753c9;--decode:#2b9487;--look:#7fa564;--fill:#c2a15a;--submit:#a07fb8;--copy:#4f9bd4;
--stage:#5b57d1;--stage2:#a154c4;--stage3:#cf558f;--encode:#e0764a;--wait:#c9c5bb;--slot:#b9bcc6;--pass:#3f7f9e;--pass2:#6aa5bf;
--good:#2b8a61;--shadow:0 1px 2px rgba(30,30,40,.05),0 8px 28px rgba(30,30,40,.05)}
:root[data-theme=dark]{--bg:#121317;--raised:#1a1c22;--ink:#eae8e3;--soft:#a2a6b0;--faint:#70757f;
--line:#2a2d35;--hush:#202329;--accent:#a09cf8;--decode:#4fc0b0;--look:#a3c986;--fill:#dcbd78;
--submit:#bd9ed4;--copy:#6db5ea;--stage:#8d89f5;--stage2:#c07fe0;--stage3:#ea7fb2;--encode:#f1926a;
--wait:#4a4d55;--slot:#3d414b;--pass:#4f9cc0;--pass2:#2f6f8f;--good:#5fc796;--shadow:none}
"""

_BASE = r"""
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:64px;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 Inter,ui-sans-serif,system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-feature-settings:"tnum","cv05"}
main{max-width:1080px;margin:0 auto;padding:0 24px}
h1,h2{font-weight:600;letter-spacing:-.015em;margin:0}
h2{font-size:21px}
a{color:inherit;text-decoration:none}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--hush);padding:.1em .35em;
border-radius:5px;overflow-wrap:anywhere}
section{padding:40px 0;border-top:1px solid var(--line)}
.hero{border:0;padding-top:44px}
.note{color:var(--soft);margin:4px 0 20px;max-width:68ch}
.top{position:sticky;top:0;z-index:5;display:flex;align-items:center;gap:24px;padding:10px 24px;
background:color-mix(in srgb,var(--bg) 88%,transparent);backdrop-filter:blur(10px);
border-bottom:1px solid var(--line)}
.brand{font-weight:400;white-space:nowrap;display:flex;align-items:center;gap:9px}
.mark{width:18px;height:14px;border-radius:4px;background:
linear-gradient(90deg,var(--decode) 0 28%,var(--stage) 28% 76%,var(--encode) 76%)}
nav{display:flex;gap:20px;margin-left:auto;color:var(--soft);font-size:14px}
nav a:hover{color:var(--ink)}
button,input{font:inherit;color:inherit}
button{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:4px 12px;cursor:pointer}
button:hover{border-color:var(--faint)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
#theme{width:34px;height:30px;padding:0;display:grid;place-items:center}
#theme:before{content:"";width:14px;height:14px;border-radius:50%;border:1.5px solid var(--ink);
background:linear-gradient(90deg,var(--ink) 50%,transparent 50%)}
footer{max-width:1080px;margin:0 auto;padding:28px 24px 56px;color:var(--faint);font-size:13px}
"""

_HERO = r"""
.clip{color:var(--soft);margin:0 0 18px}
.lead{display:grid;grid-template-columns:auto 1fr;gap:56px;align-items:start}
.speed span{display:block;font-size:92px;line-height:.95;font-weight:600;letter-spacing:-.045em}
.speed small{display:block;color:var(--soft);font-size:14px;line-height:1.4;margin-top:12px}
.verdict{padding-top:6px}
.verdict h1{font-size:25px;line-height:1.28;text-wrap:balance}
.verdict ol{margin:14px 0 0;padding:0;list-style:none;color:var(--soft)}
.verdict li{padding:5px 0 5px 22px;position:relative}
.verdict li:before{content:"";position:absolute;left:2px;top:14px;width:8px;height:8px;border-radius:50%;
background:var(--accent);opacity:.75}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);margin:40px 0 0;
background:var(--raised);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow);
overflow:hidden}
.tiles div{padding:15px 18px;box-shadow:1px 0 0 var(--line),0 1px 0 var(--line)}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:2px 0 0;font-size:20px;font-weight:600;letter-spacing:-.01em}
.tiles small{display:block;font-size:12.5px;font-weight:400;color:var(--faint);letter-spacing:0}
"""

_CHARTS = r"""
.row{display:grid;grid-template-columns:190px 1fr 86px;gap:14px;align-items:center;min-height:27px}
.row .name{color:var(--ink);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.row .name small{color:var(--faint)}
.row .value{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.row.quiet .name,.row.quiet .value{color:var(--faint)}
.lane{position:relative;height:16px;border-radius:4px;background:var(--hush)}
.lane i{position:absolute;top:0;bottom:0;min-width:2px;border-radius:4px}
.hatch{background:repeating-linear-gradient(135deg,var(--wait) 0 2px,transparent 2px 6px)!important}
.axis{display:flex;justify-content:space-between;color:var(--faint);font-size:12px;margin:4px 100px 0 204px}
.lane b{position:absolute;top:0;bottom:0;min-width:1px}
#doings{margin:10px 0 26px;justify-content:flex-start}
#pass-table td.key,#network-table td.key{max-width:330px;overflow:hidden;text-overflow:ellipsis}
#pass-table td small{color:var(--faint);font-size:12.5px}
.bar{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin-bottom:12px}
.legend{margin-left:auto;display:flex;flex-wrap:wrap;gap:4px 14px;color:var(--soft);font-size:13px}
.legend i{display:inline-block;width:9px;height:9px;border-radius:3px;margin-right:6px}
.timeline{border:1px solid var(--line);border-radius:12px;background:var(--raised);overflow:hidden;
box-shadow:var(--shadow)}
.timeline canvas{display:block;width:100%;cursor:grab;touch-action:pan-y}
.timeline canvas:active{cursor:grabbing}
.overview{display:block;width:100%;height:36px;margin-top:10px;border-radius:8px;cursor:pointer;
touch-action:none}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--soft);font-size:12px}
svg .strong{fill:var(--ink);font-weight:600;paint-order:stroke;stroke:var(--bg);stroke-width:4px;
stroke-linejoin:round;pointer-events:none}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--bg);border-radius:8px;
padding:7px 11px;font-size:13px;line-height:1.4;max-width:320px;opacity:0;transition:opacity .1s;
overflow-wrap:anywhere}
#tip b{font-weight:600}
.stack{display:flex;height:30px;border-radius:8px;overflow:hidden;gap:1px;background:var(--line);margin:4px 0 10px}
.stack i{min-width:2px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:40px;align-items:start}
.big{font-size:22px;font-weight:600}
"""

_TABLES = r"""
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--soft);text-align:right;font-size:13px;padding:4px 10px;white-space:nowrap;
border-bottom:1px solid var(--line)}
td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th.l,td.l{text-align:left}
th[data-sort]{cursor:pointer}
th[aria-sort]{color:var(--ink)}
th[aria-sort=descending]:after{content:" \2193"}
th[aria-sort=ascending]:after{content:" \2191"}
tr:last-child td{border-bottom:0}
td.dim{color:var(--faint)}
td .dot{display:inline-block;width:9px;height:9px;border-radius:3px;margin-right:9px}
#latency td.chart{width:38%;min-width:210px;padding-block:2px}
#latency svg{height:26px}
th.group{padding-top:18px;color:var(--ink)}
#layer-table td.share{width:90px}
#layer-table td.shape{color:var(--soft);max-width:230px;overflow:hidden;text-overflow:ellipsis}
#layer-table td.key{max-width:240px;overflow:hidden;text-overflow:ellipsis}
.mini{height:7px;border-radius:3px;background:var(--hush);position:relative;overflow:hidden}
.mini i{position:absolute;inset:0 auto 0 0;background:var(--stage);border-radius:3px}
input[type=search]{flex:1 1 240px;max-width:380px;background:var(--raised);border:1px solid var(--line);
border-radius:8px;padding:5px 12px}
.chips{display:flex;flex-wrap:wrap;gap:6px}
.chips button[aria-pressed=true]{background:var(--ink);color:var(--bg);border-color:var(--ink)}
#more{margin-top:14px}
#kinds{margin-bottom:24px}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:6px 26px;margin:16px 0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
details{color:var(--soft)}summary{cursor:pointer}
"""

_NARROW = r"""
@media (max-width:720px){
 main{padding:0 16px}.top{padding:10px 16px}nav{display:none}#theme{margin-left:auto}
 section{padding:32px 0}.hero{padding-top:26px}
 .lead{grid-template-columns:1fr;gap:22px}.speed{display:flex;align-items:flex-end;gap:14px}
 .speed span{font-size:72px}.speed small{margin:0 0 6px}.verdict h1{font-size:21px}
 .tiles{grid-template-columns:1fr 1fr;margin-top:28px}
 .row{grid-template-columns:1fr auto;gap:2px 10px;padding:4px 0}.row .lane{grid-column:1/-1;order:3}
 .axis{margin:4px 0 0}.legend{margin-left:0;width:100%}.pair{grid-template-columns:1fr;gap:24px}
 #latency .opt,.roomy{display:none}#pass-table td.l,#network-table td.key{white-space:normal}
 #pass-table td,#pass-table th{padding-inline:4px}
 #latency td.chart{min-width:120px;width:34%}
 #latency td.l{white-space:normal}td,th{padding-inline:6px}
 .facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:10px}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{.top,.bar,.overview,#more{display:none}section{break-inside:avoid}}
"""

STYLE = _COLOURS + _BASE + _HERO + _CHARTS + _TABLES + _NARROW
