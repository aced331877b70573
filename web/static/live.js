// Keeps the element #live as the server would draw it now. Each of its children
// has an id; children that did not change are left alone, with their focus,
// selection and place. Everything here comes from the server's own templates,
// already escaped.
"use strict";

const live = document.getElementById("live");
const connection = document.getElementById("connection");
const announcer = document.getElementById("announcer");
const title = document.title;

const pause = 3000; // ms between tries
const patience = 5000; // ms until a stream that brings nothing is given up
const glance = 1200; // ms a message is on the screen until it counts as seen

// Times: how long ago, and the exact local time.

const lang = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
const hour = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const precise = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
});
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() - time) / 1000));
  if (seconds < 5) return "just now";
  const [unit, size] = units.find(([, size]) => seconds >= size);
  return relative.format(-Math.floor(seconds / size), unit);
}

function localize(root) {
  for (const element of root.querySelectorAll("time")) {
    const time = new Date(element.dateTime);
    if (element.title === "") element.title = full.format(time);
    if ("precise" in element.dataset) {
      setText(element, precise.format(time));
      continue;
    }
    if (element.children.length === 0) {
      const distance = document.createElement("span");
      const exact = document.createElement("span");
      distance.className = "ago";
      exact.className = "exact";
      element.replaceChildren(distance, " ", exact);
    }
    const today = time.toDateString() === new Date().toDateString();
    setText(element.firstChild, ago(time));
    setText(element.lastChild, (today ? hour : date).format(time));
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The region.

const source = new Map(); // id of a child -> the HTML it came as

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("live");
  if (fresh === null) return;
  const staying = new Set(Array.from(fresh.children, (child) => child.id));
  for (const old of Array.from(live.children)) {
    if (staying.has(old.id)) continue;
    old.remove();
    source.delete(old.id);
  }
  const arrived = [];
  let place = live.firstElementChild;
  for (const item of Array.from(fresh.children)) {
    const drawn = item.outerHTML;
    const old = source.has(item.id) ? document.getElementById(item.id) : null;
    let node = old;
    if (old === null || source.get(item.id) !== drawn) {
      source.set(item.id, drawn);
      node = document.adoptNode(item);
      if (old === null) arrived.push(node);
      else {
        if (old === place) place = node;
        replace(old, node);
      }
    }
    if (node === place) place = place.nextElementSibling;
    else live.insertBefore(node, place);
  }
  localize(live);
  watchUnseen();
  for (const node of arrived) node.classList.add("arrived");
  const news = arrived.map((node) => node.dataset.say).filter(Boolean);
  if (news.length > 0) announcer.textContent = news.slice(0, 3).join(" — ");
}

// replace keeps the focus on the same link.
function replace(old, node) {
  const focused = old.contains(document.activeElement) ? document.activeElement.href : undefined;
  old.replaceWith(node);
  if (focused !== undefined) {
    Array.from(node.querySelectorAll("a")).find((link) => link.href === focused)?.focus({ preventScroll: true });
  }
}

// Seen: a message that was on the screen for a moment.

const timers = new Map(); // element -> its timer

const watcher = new IntersectionObserver((entries) => {
  for (const { target, intersectionRatio, intersectionRect } of entries) {
    clearTimeout(timers.get(target));
    timers.delete(target);
    if (intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2) {
      timers.set(target, setTimeout(tellSeen, glance, target));
    }
  }
}, { threshold: [0, 0.25, 0.5, 0.75, 1] });

function tellSeen(element) {
  timers.delete(element);
  if (document.hidden || !element.isConnected) return;
  // A failure is no loss: the next look at the page tries again.
  fetch(`/api/v1/alerts/${encodeURIComponent(element.dataset.unseen)}/seen`, { method: "POST" }).catch(() => {});
}

function watchUnseen() {
  const unseen = live.querySelectorAll("[data-unseen]");
  for (const element of unseen) {
    watcher.observe(element);
  }
  document.title = unseen.length > 0 ? `(${unseen.length}) ${title}` : title;
}

// The connection: a stream; when it breaks, the page itself is asked, and a new
// stream tried. So where streams don't get through, this is polling.

let stream = null;
let timer = 0;

function connect() {
  stream = new EventSource(document.body.dataset.events);
  timer = setTimeout(retreat, patience);
  stream.addEventListener("region", (event) => {
    clearTimeout(timer);
    tell("live", "Live");
    show(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    if (connection.dataset.state !== "polling") tell("lost", "Reconnecting…");
    retreat();
  });
}

function disconnect() {
  stream?.close();
  stream = null;
  clearTimeout(timer);
}

function retreat() {
  disconnect();
  timer = setTimeout(poll, pause);
}

async function poll() {
  try {
    const response = await fetch(location.href);
    if (response.ok) {
      show(await response.text());
      tell("polling", "Updated every few seconds");
    }
  } catch {
    tell("lost", "Reconnecting…");
  }
  if (!document.hidden) connect();
}

function tell(state, text) {
  connection.hidden = false;
  connection.dataset.state = state;
  setText(connection, text);
}

// A page nobody looks at gives its connection up: a browser has few of them for
// one host.
document.addEventListener("visibilitychange", () => {
  disconnect();
  if (document.hidden) return;
  for (const element of live.querySelectorAll("[data-unseen]")) watcher.unobserve(element);
  watchUnseen();
  connect();
});

for (const child of live.children) source.set(child.id, child.outerHTML);
localize(live);
watchUnseen();
setInterval(localize, 5000, live);
if (!document.hidden) connect();
