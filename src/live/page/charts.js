// Small charts: bars for what adds up, lines for the rest, a gap where nothing is known.

import { at, UNKNOWN } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 150;
const ABOVE = 10;
const BELOW = 22;
const LEFT = 52;
const RIGHT = 8;
const DAY = 86_400_000;

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Round values from 0 on, the last of them at or above the largest. */
function marks(most) {
  if (!(most > 0)) return [0, 1];
  const raw = most / 3;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const all = [];
  for (let n = 0; all.length === 0 || all.at(-1) < most; n += 1) all.push(n * step);
  return all;
}

/** The buckets that are named below. */
function named(starts, width, zone) {
  const long = starts.at(-1) - starts[0] > 2 * DAY;
  const pattern = starts.at(-1) - starts[0] > 400 * DAY ? "month" : long ? "day" : "time";
  let candidates = starts.map((_, n) => n);
  if (long) {
    const days = candidates.filter((n) => n === 0 || at(starts[n], "day", zone) !== at(starts[n - 1], "day", zone));
    // The first day may be too short to be named beside the next one.
    const crowded = days.length > 1 && (days[1] * width) / starts.length < 48;
    candidates = crowded ? days.slice(1) : days;
  } else {
    const hours = candidates.filter((n) => at(starts[n], "time", zone).endsWith(":00"));
    if (hours.length > 1) candidates = hours;
  }
  const every = Math.ceil(candidates.length / Math.max(2, Math.floor(width / 64)));
  return candidates.filter((_, n) => n % every === 0).map((n) => [n, at(starts[n], pattern, zone)]);
}

/** A chart of one or two series over the same buckets. */
export class Chart {
  constructor({ title, series, bars = false, show, share = false, announce, empty }) {
    Object.assign(this, { title, series, bars, show, share, announce, empty });
    this.total = element("span", "value");
    this.plot = element("div", "plot");
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    this.root = element("figure", "card chart");
    const caption = document.createElement("figcaption");
    const heading = document.createElement("h3");
    heading.textContent = title;
    caption.append(heading, this.total);
    if (series.length > 1) {
      const legend = element("span", "legend");
      for (const { name, tone } of series) {
        const key = element("span", `key tone-${tone}`);
        key.textContent = name;
        legend.append(key);
      }
      caption.append(legend);
    }
    this.root.append(caption, this.plot);
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group");
    this.plot.setAttribute("aria-roledescription", "chart");
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.mark(null));
    this.plot.addEventListener("blur", () => this.mark(null));
    this.plot.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** Shows other data. */
  set(starts, values, total, zone) {
    const data = JSON.stringify([starts, values, zone]);
    this.total.textContent = total;
    if (data === this.data) return;
    Object.assign(this, { data, starts, values, zone });
    this.draw();
  }

  draw() {
    const width = Math.floor(this.plot.clientWidth);
    if (!this.starts || width < 80) return;
    const known = this.values.flat().filter((value) => value !== null);
    this.plot.setAttribute("aria-label", this.summary(known));
    if (known.length === 0) {
      const text = element("p", "nothing");
      text.textContent = this.empty;
      this.plot.replaceChildren(text);
      return;
    }
    this.inner = width - LEFT - RIGHT;
    this.slot = this.inner / this.starts.length;
    const low = this.share ? Math.min(0.95, Math.floor(Math.min(...known) * 20) / 20) : 0;
    const lines = this.share ? [low, (1 + low) / 2, 1] : marks(Math.max(...known));
    const high = lines.at(-1);
    this.x = (n) => LEFT + (n + 0.5) * this.slot;
    this.y = (value) => ABOVE + (HEIGHT - ABOVE - BELOW) * (1 - (value - low) / (high - low));
    const image = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
    for (const value of lines) {
      image.append(svg("line", { class: "grid-line", x1: LEFT, x2: width - RIGHT, y1: this.y(value), y2: this.y(value) }));
      image.append(svg("text", { class: "axis end", x: LEFT - 8, y: this.y(value) + 4 }, this.show(value)));
    }
    for (const [n, name] of named(this.starts, this.inner, this.zone)) {
      const x = Math.min(Math.max(this.x(n), LEFT + 16), width - RIGHT - 18);
      image.append(svg("text", { class: "axis middle", x, y: HEIGHT - 5 }, name));
    }
    this.values.forEach((values, n) => image.append(this.bars ? this.columns(values, n) : this.line(values, n)));
    this.cursor = svg("line", { class: "cursor", y1: ABOVE, y2: HEIGHT - BELOW, visibility: "hidden" });
    image.append(this.cursor);
    this.plot.replaceChildren(image, this.tip);
    this.mark(null);
  }

  columns(values, n) {
    const wide = Math.max(1, this.slot * 0.76);
    const path = values.map((value, bucket) => {
      if (!(value > 0)) return "";
      const [left, top, bottom] = [this.x(bucket) - wide / 2, Math.min(this.y(value), this.y(0) - 1), this.y(0)];
      const round = Math.min(2, wide / 2, bottom - top);
      return `M${f(left)} ${f(bottom)}V${f(top + round)}q0 ${f(-round)} ${f(round)} ${f(-round)}H${f(left + wide - round)}`
        + `q${f(round)} 0 ${f(round)} ${f(round)}V${f(bottom)}Z`;
    });
    return svg("path", { class: `column tone-${this.series[n].tone}`, d: path.join("") });
  }

  line(values, n) {
    const group = svg("g", { class: `tone-${this.series[n].tone}` });
    let run = [];
    const end = () => {
      // A point between two gaps would be no line.
      if (run.length === 1) group.append(svg("circle", { class: "dot", cx: f(run[0][0]), cy: f(run[0][1]), r: 2 }));
      else if (run.length > 1) group.append(svg("path", { class: "line", d: `M${run.map((p) => p.map(f).join(" ")).join("L")}` }));
      run = [];
    };
    values.forEach((value, bucket) => {
      if (value === null) end();
      else run.push([this.x(bucket), this.y(value)]);
    });
    end();
    return group;
  }

  summary(known) {
    if (known.length === 0) return `${this.title}: ${this.empty}`;
    const ends = [this.starts[0], this.starts.at(-1)].map((time) => at(time, "moment", this.zone));
    return `${this.title} from ${ends[0]} to ${ends[1]}, between ${this.show(Math.min(...known))} and `
      + `${this.show(Math.max(...known))}. Arrow keys go through the values.`;
  }

  point(event) {
    if (!this.x) return;
    const n = Math.floor((event.clientX - this.plot.getBoundingClientRect().left - LEFT) / this.slot);
    this.mark(n >= 0 && n < this.starts.length ? n : null);
  }

  press(event) {
    const last = this.starts ? this.starts.length - 1 : -1;
    const now = this.marked ?? last + 1;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.mark(Math.min(Math.max(to, 0), last));
    this.announce(this.words(this.marked).join(", "));
  }

  words(n) {
    const told = this.values.map((values, of) => {
      const value = values[n] === null ? UNKNOWN : this.show(values[n]);
      return this.series.length > 1 ? `${this.series[of].name} ${value}` : value;
    });
    return [at(this.starts[n], "moment", this.zone), ...told];
  }

  mark(n) {
    this.marked = n;
    this.tip.hidden = n === null;
    if (!this.cursor) return;
    this.cursor.setAttribute("visibility", n === null ? "hidden" : "visible");
    if (n === null) return;
    const x = this.x(n);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    const [when, ...told] = this.words(n);
    const strong = document.createElement("strong");
    strong.textContent = told.join(" · ");
    this.tip.replaceChildren(strong, document.createTextNode(when));
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(Math.max(x, half), this.plot.clientWidth - half)}px`;
  }
}

function f(number) {
  return Math.round(number * 10) / 10;
}

function element(name, className) {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
