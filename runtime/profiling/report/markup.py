"""The report's skeleton. The script fills what has an id."""

MARKUP = r"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@TITLE@</title>
<link rel="icon" href="data:,">
<style>@STYLE@</style>
</head>
<body>
<header class="top">
  <div class="brand"><span class="mark" aria-hidden="true"></span>trt-anime <b>profile</b></div>
  <nav>
    <a href="#passes">Passes</a><a href="#networks">Networks</a>
    <a href="#frame">One frame</a><a href="#time">Timeline</a><a href="#spread">Latency</a>
    <a href="#memory">Memory</a><a href="#roof">Roofline</a><a href="#layers">Layers</a>
  </nav>
  <button id="theme" type="button" aria-label="Switch between light and dark"></button>
</header>
<main>
  <section class="hero">
    <p class="clip" id="clip"></p>
    <div class="lead">
      <div class="speed"><span id="fps"></span><small id="fps-note"></small></div>
      <div class="verdict"><h1 id="headline"></h1><ol id="next"></ol></div>
    </div>
    <dl class="tiles" id="tiles"></dl>
  </section>

  <section id="passes">
    <h2>The way of the clip</h2>
    <p class="note">One pass after the other. Colours: what its time went into, by stacks looked at 20 times a second;
      point at a row for its own thread and its helpers.</p>
    <div id="pass-bars"></div>
    <p class="legend" id="doings"></p>
    <div class="scroll"><table id="pass-table"></table></div>
  </section>

  <section id="networks">
    <h2>Networks</h2>
    <p class="note">Runs in milliseconds, by events on their own streams; the first run after opening apart, where a
      library sets itself up. Copies are those of all graphs of a model in a pass.</p>
    <div class="scroll"><table id="network-table"></table></div>
  </section>

  <section id="frame">
    <h2><span class="of-pipeline"></span>The way of one frame</h2>
    <p class="note">Mean of the fifth of all computed frames that is nearest to the median, from the moment its
      decoding began until it was written. Hatched: waiting.</p>
    <div id="waterfall"></div>
  </section>

  <section id="busy">
    <h2><span class="of-pipeline"></span>What is busy</h2>
    <p class="note">Share of the steady state in which each part worked. The fullest bar is the limit.</p>
    <div id="resources"></div>
  </section>

  <section id="time" class="wide">
    <h2>Timeline</h2>
    <p class="note">One run, on one clock. Drag to pan, pinch<span class="roomy"> or Ctrl + wheel</span> to zoom<span
      class="roomy">; point at a piece of work to follow its frame</span>.</p>
    <div class="bar" role="group" aria-label="Timeline">
      <button type="button" data-zoom="in" aria-label="Zoom in">+</button>
      <button type="button" data-zoom="out" aria-label="Zoom out">&minus;</button>
      <button type="button" data-zoom="steady">steady</button>
      <button type="button" data-zoom="all">all</button>
      <span id="legend" class="legend"></span>
    </div>
    <div class="timeline" id="timeline"><canvas tabindex="0" aria-label="Timeline of the run"></canvas></div>
    <canvas id="overview" class="overview" aria-hidden="true"></canvas>
  </section>

  <section id="spread">
    <h2>Latency</h2>
    <p class="note">All runs together, milliseconds on one logarithmic scale.</p>
    <div class="scroll"><table id="latency"></table></div>
  </section>

  <section id="memory">
    <h2>Memory</h2>
    <p class="note" id="memory-note"></p>
    <div id="plan"></div>
  </section>

  <section id="roof">
    <h2>Roofline</h2>
    <p class="note" id="roof-note"></p>
    <div id="roofline"></div>
  </section>

  <section id="layers">
    <h2>Layers</h2>
    <p class="note" id="layer-note"></p>
    <div class="bar chips" id="nets" role="group" aria-label="Network"></div>
    <div id="kinds"></div>
    <div class="bar" id="layer-bar">
      <input id="search" type="search" placeholder="Search layers, operators, shapes" aria-label="Search layers">
      <span class="chips" id="parts"></span>
    </div>
    <div class="scroll"><table id="layer-table"></table></div>
    <button type="button" id="more"></button>
  </section>

  <section id="machine">
    <h2>Machine and versions</h2>
    <dl class="facts" id="facts"></dl>
    <details id="notices"><summary>Notices of the run</summary><ul></ul></details>
  </section>
</main>
<footer id="footer"></footer>
<div id="tip" role="status"></div>
<script type="application/json" id="data">@DATA@</script>
<script>@SCRIPT@</script>
</body>
</html>
"""
