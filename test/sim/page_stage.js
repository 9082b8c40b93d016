// SPDX-License-Identifier: Apache-2.0
// A browser that is just large enough for the page of an HTML trace: page_stage.js FILE example|large. It runs the page's
// script, uses the page as a person would, and says what is not as it should be; its exit status is the number of that.
"use strict";
const fs = require("fs");
const vm = require("vm");

const html = fs.readFileSync(process.argv[2], "utf8");
const scripts = [...html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)];
let wrong = 0;
function check(holds, what) {
  if (holds) return;
  console.log("wrong: " + what);
  ++wrong;
}

class stage_element {
  constructor(name) {
    Object.assign(this, { tagName: name.toUpperCase(), children: [], style: {}, listeners: {}, className: "", value: "", checked: false,
      scrollTop: 0, clientHeight: 440, hidden: false, own_text: "" });
    const on = new Set();
    this.classList = { toggle: (each, wanted) => (wanted ? on.add(each) : on.delete(each)) };
  }
  get textContent() { return this.own_text + this.children.map((each) => each.textContent).join(""); }
  set textContent(text) { this.own_text = String(text); this.children = []; }
  append(...added) {
    for (const each of added) this.children.push(typeof each === "object" ? each : { textContent: String(each), children: [] });
    for (const each of added) if (typeof each === "object") each.parent = this;
  }
  replaceChildren(...wanted) { this.own_text = ""; this.children = []; this.append(...wanted); }
  replaceWith(other) { this.parent.children[this.parent.children.indexOf(this)] = other; }
  addEventListener(name, listener) { (this.listeners[name] ||= []).push(listener); }
  fire(name, event = {}) {
    const given = { preventDefault() {}, stopPropagation() {}, target: this, clientX: 0, clientY: 0, deltaX: 0, deltaY: 0, deltaMode: 0, ...event };
    for (const listener of this.listeners[name] || []) listener(given);
    run_frames();
  }
  all(tag) { return this.children.flatMap((each) => (each.tagName === tag ? [each] : []).concat(each.all ? each.all(tag) : [])); }
  focus() {}
  blur() {}
  setPointerCapture() {}
  getBoundingClientRect() { return { left: 0, top: 0, width: 1200, height: 400 }; }
  getContext() { return pen; }
}

let drawn = 0;
const pen = new Proxy({ measureText: (text) => ({ width: 6.6 * text.length }) }, {
  get: (target, name) => (name in target ? target[name] : (...numbers) => {
    ++drawn;
    check(numbers.every((each) => typeof each !== "number" || Number.isFinite(each)), name + "(" + numbers + ")");
  }),
  set: () => true,
});

const by_id = {};
for (const [, tag, id] of html.matchAll(/<([a-z]+)[^>]*? id="([a-z_]+)"/g)) by_id[id] = new stage_element(tag);
by_id.data.textContent = scripts.find((each) => each[1].includes("json"))[2];
const page_listeners = new stage_element("document");
let frames = [];
let address = "";
function run_frames() {
  const due = frames;
  frames = [];
  for (const frame of due) frame();
}
const world = {
  document: { getElementById: (id) => by_id[id], createElement: (name) => new stage_element(name), documentElement: {}, title: "",
    addEventListener: (...given) => page_listeners.addEventListener(...given) },
  window: { addEventListener() {}, devicePixelRatio: 2, matchMedia: () => ({ addEventListener() {} }) },
  getComputedStyle: () => ({ getPropertyValue: () => "#123456" }),
  requestAnimationFrame: (frame) => frames.push(frame),
  history: { replaceState: (state, title, url) => { address = url; } },
  location: { hash: "" }, setTimeout: (later) => later(), clearTimeout() {}, console,
};
vm.runInNewContext(scripts.find((each) => !each[1].includes("json"))[2], world, { filename: "page" });
run_frames();

const press = (key) => page_listeners.fire("keydown", { key, target: {} });
const rows = () => by_id.rows_window.children;
const { canvas, why, verdict, text, kind, who } = by_id;

function use_timeline() {
  for (const y of [10, 30, 80, 120, 200, 390]) {
    for (let x = 5; x < 1200; x += 97) canvas.fire("pointermove", { clientX: x, clientY: y });
  }
  for (const deltaY of [-800, -800, -4000, 300, 9000]) canvas.fire("wheel", { clientX: 700, clientY: 100, deltaY });
  canvas.fire("wheel", { clientX: 50, clientY: 100, deltaY: 60 });
  canvas.fire("wheel", { clientX: 600, clientY: 100, deltaY: 90, shiftKey: true });
  canvas.fire("pointerdown", { clientX: 600, clientY: 100 });
  canvas.fire("pointermove", { clientX: 400, clientY: 90 });
  canvas.fire("pointerup", { clientX: 400, clientY: 90 });
  canvas.fire("pointerdown", { clientX: 600, clientY: 8 });
  canvas.fire("pointerup", { clientX: 600, clientY: 8 });
  for (const button of ["axis_order", "fit", "zoom_selection", "axis_time", "zoom_selection", "fit"]) by_id[button].fire("click");
  canvas.fire("pointerleave");
}
function search(wanted) {
  text.value = wanted;
  text.fire("input");
}

function example() {
  check(verdict.textContent.includes("money is conserved") && verdict.textContent.includes("seed 4711"), "the verdict");
  check(verdict.textContent.includes("99 990.00 instead of 100 000.00"), "the detail of the verdict");
  check(why.all("LI").length === 8, "the chain of the failure has 8 events, not " + why.all("LI").length);
  check(why.textContent.includes("stands still for 22.616 us"), "the fault that fired on the way");
  check(address === "#14", "the failing event is selected first");
  check(rows().length === 16, "14 events and two lines of the log, not " + rows().length);
  press("ArrowLeft");
  check(address === "#12", "left: its cause");
  press("ArrowRight");
  check(address === "#13", "right: its first effect");
  press("ArrowUp");
  press("ArrowUp");
  check(address === "#11", "up");
  press("F");
  check(address === "#9", "the crash before");
  press("F");
  check(address === "#8", "the fault before");
  press("f");
  check(address === "#9", "the next one");
  press("Home");
  check(address === "#1", "the first event");
  press("End");
  check(address === "#14", "the last event");
  why.all("LI")[2].fire("click");
  check(address === "#5" && why.all("LI").length === 8, "a step of the chain leaves the chain as it is");
  press("x");
  search("account");
  check(rows().length === 5, "a search among names and deeds, and the log: " + rows().length);
  search("12");
  check(rows().some((row) => row.children[0].textContent === "12"), "a search for a number");
  search("");
  kind.value = "faults";
  kind.fire("change");
  check(rows().length === 3, "faults only: " + rows().length);
  kind.value = "log";
  kind.fire("change");
  check(rows().length === 2 && rows()[0].textContent.includes("</script>\ufffd"), "the log only");
  kind.value = "";
  who.value = "bank/0/teller/3";
  who.fire("change");
  check(rows().length === 7, "one isolate only: " + rows().length);
  who.value = "";
  by_id.only_chain.checked = true;
  by_id.only_chain.fire("change");
  check(rows().length === 8, "the chain only: " + rows().length);
  rows()[2].children[5].fire("click");
  check(address === "#3", "the link to a cause: " + address);
}

function large() {
  check(verdict.textContent.includes("PASSED"), "the verdict");
  check(rows().length > 0 && rows().length < 60, "as many rows as are visible, not " + rows().length);
  drawn = 0;
  by_id.fit.fire("click");
  check(drawn > 100 && drawn < 60000, "as much drawn as is visible, not " + drawn);
  press("End");
  check(address === "#100000", "the last event");
  check(why.all("LI").length === 45, "a long chain is shown by its two ends: " + why.all("LI").length);
  check(rows().some((row) => row.children[0].textContent === "100 000"), "the table follows the selection");
  press("PageUp");
  press("ArrowLeft");
  search("worker/63");
  check(by_id.shown_count.textContent === "1 562 of 100 000", by_id.shown_count.textContent);
}

use_timeline();
press("x");
if (process.argv[3] === "example") example(); else large();
use_timeline();
for (const key of ["+", "-", "/", "PageDown", "PageUp", "q"]) press(key);
process.exit(wrong);
