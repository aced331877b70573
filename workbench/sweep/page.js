// Draws the curves of a sweep with uPlot. Without it, the table says the same.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = document.getElementById("charts");
  const colors = 6; // of the style sheet
  const dashes = [[], [6, 4], [2, 3], [10, 4, 2, 4]];
  const height = 220;
  const several = data.lines.length > 1;
  let drawn = [];

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colorOf = (line) => "--curve-" + (line % colors);
  const dashOf = (line) => dashes[Math.floor(line / colors) % dashes.length];

  // span is a number of seconds as people say it.
  function span(seconds) {
    if (seconds < 60) return +seconds.toFixed(1) + "s";
    const total = Math.round(seconds);
    const parts = [[Math.floor(total / 3600), "h"], [Math.floor(total / 60) % 60, "m"], [total % 60, "s"]];
    return parts.filter(([n, unit]) => n > 0 && !(unit === "s" && total >= 3600)).map(([n, unit]) => n + unit).join("");
  }

  const write = {
    number: (v) => String(+v.toPrecision(3)),
    share: (v) => Math.floor(v * 1000 + 1e-6) / 10 + "%", // never rounded up, as in the table
    seconds: span,
  };

  // steps are the places between which the labels of a time axis lie, in seconds.
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

  // places leaves out labels that would run into each other.
  function places(u) {
    let right = -Infinity;
    return data.at.filter((x, i) => {
      const half = data.places[i].length * 4 + 6;
      const at = u.valToPos(x, "x");
      if (at - half < right) return false;
      right = at + half;
      return true;
    });
  }

  // mark shows the values that the rule has: a line at the place, a ring on its curve.
  function mark(chart) {
    return (u) => {
      if (data.now === null) return;
      const ctx = u.ctx, ratio = devicePixelRatio;
      const line = data.lines.findIndex((l) => l.now);
      const value = chart.curves[line][data.now];
      const x = Math.round(u.valToPos(data.at[data.now], "x", true));
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = style("--quiet");
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      const end = x > u.bbox.left + u.bbox.width - 40 * ratio;
      ctx.font = 12 * ratio + "px system-ui, sans-serif";
      ctx.textAlign = end ? "right" : "left";
      ctx.fillText("now", x + (end ? -5 : 5) * ratio, u.bbox.top - 5 * ratio);
      if (value !== null) {
        ctx.strokeStyle = style(colorOf(line));
        ctx.lineWidth = 2 * ratio;
        ctx.beginPath();
        ctx.arc(x, u.valToPos(value, "y", true), 7 * ratio, 0, 2 * Math.PI);
        ctx.stroke();
      }
      ctx.restore();
    };
  }

  // reading says the values below the pointer.
  function reading(chart, at) {
    const values = data.lines.map((line, i) => {
      const value = chart.curves[i][at];
      return value === null ? "" : (several ? (line.name || chart.title) + ": " : "") + write[chart.unit](value);
    });
    return data.axis + " " + data.places[at] + " · " + values.filter(Boolean).join(" · ");
  }

  function draw(chart) {
    const figure = document.createElement("div");
    figure.className = "card";
    const title = document.createElement("h3");
    title.textContent = chart.title;
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", chart.title + " against " + data.axis + ". The table below has the numbers.");
    const below = document.createElement("p");
    below.className = "reading";
    const rest = data.now === null ? "" : reading(chart, data.now);
    below.textContent = rest;
    figure.append(title, plot, below);
    charts.append(figure);

    const axis = { stroke: style("--quiet"), font: "12px system-ui, sans-serif", grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 } };
    const highest = Math.max(0, ...chart.curves.flat().filter((v) => v !== null));
    const u = new uPlot({
      width: plot.clientWidth,
      height: height,
      padding: [18, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
      scales: {
        x: { time: false, range: (u, low, high) => { const room = (high - low || Math.abs(high) || 1) * 0.06; return [low - room, high + room]; } },
        y: { range: () => [0, chart.unit === "share" ? 1 : highest * 1.08 || 1] },
      },
      axes: [
        Object.assign({}, axis, { splits: places, values: (u, all) => all.map((x) => data.places[data.at.indexOf(x)]), label: data.axis, labelSize: 20, labelFont: "12px system-ui, sans-serif", size: 30 }),
        Object.assign({}, axis, { size: 52, values: (u, all) => all.map((v) => (v === null ? "" : write[chart.unit](v))) }, chart.unit === "seconds" ? { incrs: steps } : {}),
      ],
      series: [{}].concat(data.lines.map((line, i) => ({
        label: line.name || chart.title,
        stroke: style(colorOf(i)),
        width: line.now ? 2.5 : 1.5,
        dash: dashOf(i),
        spanGaps: true,
        points: { show: true, size: 6, fill: style(colorOf(i)) },
      }))),
      hooks: {
        draw: [mark(chart)],
        setCursor: [(u) => { below.textContent = u.cursor.idx === null || u.cursor.left < 0 ? rest : reading(chart, u.cursor.idx); }],
      },
    }, [data.at].concat(chart.curves), plot);
    drawn.push({ u, plot });
  }

  // key says which curve is which.
  function key() {
    const list = document.getElementById("lines");
    list.replaceChildren(...(several ? data.lines : []).map((line, i) => {
      const item = document.createElement("li");
      item.innerHTML = '<svg viewBox="0 0 28 8" aria-hidden="true"><line x1="0" y1="4" x2="28" y2="4" stroke-width="2.5"/></svg>';
      const stroke = item.querySelector("line");
      stroke.setAttribute("stroke", "var(" + colorOf(i) + ")");
      stroke.setAttribute("stroke-dasharray", dashOf(i).join(" "));
      item.append(line.name + (line.now ? " (now)" : ""));
      return item;
    }));
  }

  function drawAll() {
    drawn.forEach(({ u }) => u.destroy());
    drawn = [];
    charts.replaceChildren();
    data.charts.forEach(draw);
  }

  document.getElementById("curves").hidden = false;
  key();
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new ResizeObserver(() => drawn.forEach(({ u, plot }) => {
    if (plot.clientWidth !== u.width) u.setSize({ width: plot.clientWidth, height: height });
  })).observe(charts);
})();
