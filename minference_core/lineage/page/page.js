"use strict";
// All text goes in as text: nothing from the store is ever parsed as markup.
const { versions, messages, texts } = JSON.parse(document.getElementById("data").textContent);
const pane = document.getElementById("version");
let shown = 0, against = null, tab = "Transcript";

function make(name, className, ...inside) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
  return element;
}

function said(version) {
  const chain = [];
  let at = version;
  while (at) {
    chain.push(at);
    at = at.keep && at.parent !== null ? versions[at.parent] : null;
  }
  let list = [];
  for (const one of chain.reverse()) list = list.slice(0, one.keep).concat(one.added);
  return list;
}

function field(version, name) {
  return name in version.fields ? texts[version.fields[name]] : null;
}

function long(element, text) {
  if (text.length < 1800 && text.split("\n").length < 22) return [element];
  element.classList.add("short");
  const more = make("button", "more", `Show all ${text.length.toLocaleString()} characters`);
  more.onclick = () => { element.classList.remove("short"); more.remove(); };
  return [element, more];
}

function bubble(role, text, options = {}) {
  const box = make("article", `message ${role}${options.fresh ? " new" : ""}`);
  box.append(make("header", "", make("b", "", role), ...(options.notes || [])));
  if (options.thought) box.append(...long(make("div", "text thought", options.thought), options.thought));
  if (text) box.append(...long(make("div", "text", text), text));
  if (options.call) box.append(make("div", "text call", options.call));
  return box;
}

function shownMessage(message, fresh) {
  const notes = [message.tool_name, message.finish_reason, message.n_tokens && `${message.n_tokens} tokens`, fresh && "new in this version"];
  const calls = message.role === "assistant" && message.tool_call ? `${message.tool_name} ${message.tool_call}` : "";
  const extra = message.extra && message.extra.length > 4000 ? `${message.extra.slice(0, 4000)} …` : message.extra;
  return bubble(message.role, message.content, {
    fresh, thought: message.reasoning, call: [calls, extra].filter(Boolean).join("\n"),
    notes: notes.filter(Boolean).map((note) => make("span", "", String(note))),
  });
}

function newest(parts) {
  const first = parts.find((one) => one.classList.contains("new"));
  if (!first || parts.length < 8) return null;
  const jump = make("button", "more", "To what is new in this version");
  jump.onclick = () => first.scrollIntoView({ block: "center" });
  return jump;
}

function transcript(version) {
  const all = said(version), inherited = all.length - version.added.length;
  const prompt = field(version, "system prompt");
  const parts = [prompt && bubble("system", prompt), ...all.map((number, place) => shownMessage(messages[number], place >= inherited))];
  if (version.kind !== "ChatThread") parts.push(facts(Object.keys(version.fields).map((name) => [name, field(version, name)])));
  else if (version.new_message) parts.push(bubble("user", version.new_message, { notes: [make("span", "", "about to be asked")] }));
  if (parts.filter(Boolean).length === 0) parts.push(make("p", "quiet", "Nothing has been said yet."));
  const there = parts.filter(Boolean);
  return [newest(there), ...there].filter(Boolean);
}

// Words and what is between them; what both begin and end with is left out of the comparison.
function wordDiff(before, after) {
  const words = (text) => text.split(/(\s+|[.,;:!?()"{}[\]])/).filter(Boolean);
  const a = words(before), b = words(after);
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const x = a.slice(start, a.length - end), y = b.slice(start, b.length - end);
  const old = [a.slice(0, start).join("")], now = [b.slice(0, start).join("")];
  if (x.length * y.length > 1e6) {
    old.push(make("del", "", x.join(""))); now.push(make("ins", "", y.join("")));
  } else {
    const best = Array.from({ length: x.length + 1 }, () => new Uint32Array(y.length + 1));
    for (let i = x.length - 1; i >= 0; i--)
      for (let j = y.length - 1; j >= 0; j--)
        best[i][j] = x[i] === y[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    let i = 0, j = 0;
    while (i < x.length || j < y.length) {
      if (i < x.length && j < y.length && x[i] === y[j]) { old.push(x[i++]); now.push(y[j++]); }
      else if (j >= y.length || (i < x.length && best[i + 1][j] >= best[i][j + 1])) old.push(make("del", "", x[i++]));
      else now.push(make("ins", "", y[j++]));
    }
  }
  old.push(a.slice(a.length - end).join("")); now.push(b.slice(b.length - end).join(""));
  return [old, now];
}

function change(title, before, after) {
  const [old, now] = before !== null && after !== null ? wordDiff(before, after) : [[before], [after]];
  const box = make("div", "change", make("h3", "", title));
  if (before !== null) box.append(...long(make("div", "text old", ...old), before));
  if (after !== null) box.append(...long(make("div", "text new", ...now), after));
  return box;
}

function worded(message) {
  const call = message.role === "assistant" && message.tool_call ? `calls ${message.tool_name} ${message.tool_call}` : "";
  return [message.content, call].filter(Boolean).join("\n");
}

function changes(version) {
  const choice = make("select", "");
  choice.setAttribute("aria-label", "Compare with");
  choice.append(new Option("nothing: all of it", ""));
  versions.forEach((one, place) => place !== shown && choice.append(new Option(`${one.short}  ${one.said.slice(0, 70)}`, place)));
  const base = against !== null && against !== shown ? against : version.parent;
  choice.value = base === null ? "" : String(base);
  choice.onchange = () => { against = choice.value === "" ? null : Number(choice.value); draw(); };
  const other = base === null ? null : versions[base];
  const parts = [];
  const names = new Set([...Object.keys(version.fields), ...(other ? Object.keys(other.fields) : [])]);
  for (const name of names) {
    const before = other && field(other, name), after = field(version, name);
    if (before !== after) parts.push(change(name, before, after));
  }
  const old = other ? said(other) : [], now = said(version);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same++;
  for (let place = same; place < Math.max(old.length, now.length); place++) {
    const a = messages[old[place]], b = messages[now[place]];
    const paired = a && b && a.role === b.role;
    if (paired) parts.push(change(`message ${place + 1}, ${a.role}`, worded(a), worded(b)));
    else {
      if (a) parts.push(change(`message ${place + 1}, ${a.role}: gone`, worded(a), null));
      if (b) parts.push(change(`message ${place + 1}, ${b.role}: new`, null, worded(b)));
    }
  }
  if (!parts.length) parts.push(make("p", "quiet", "They say the same."));
  return [make("p", "", "Compared with ", choice), ...parts];
}

function facts(rows) {
  const table = make("table", "facts"), body = make("tbody", "");
  for (const [name, value] of rows)
    if (value !== null && value !== undefined && value !== "") body.append(make("tr", "", make("th", "", name), make("td", "", value instanceof Node ? value : String(value))));
  table.append(body);
  return table;
}

function dollars(attempt) {
  if (attempt.cost_usd === null) return attempt.total_tokens ? "unknown" : null;
  return `$${attempt.cost_usd.toFixed(6)}${attempt.simulated ? " (simulated)" : ""}${attempt.price_id ? `, by ${attempt.price_id}` : ""}`;
}

function cost(version) {
  if (!version.attempts.length) return [make("p", "quiet", "No request made this version.")];
  return version.attempts.map((one) => make("div", "change", make("h3", "", `attempt ${one.attempt}, turn ${one.turn}, step ${one.step}`), facts([
    ["model", `${one.client} / ${one.resolved_model || one.model}`], ["dollars", one.reused_from ? "taken over: paid for elsewhere" : dollars(one)],
    ["tokens in", one.prompt_tokens], ["from a cache", one.cached_tokens], ["tokens out", one.completion_tokens], ["of them reasoning", one.reasoning_tokens],
    ["sent", one.sent_at], ["seconds", one.seconds === null ? null : one.seconds.toFixed(2)], ["status", one.status_code],
    ["failed", one.error_class && `${one.error_class}: ${one.error_message || ""}`], ["finish", one.finish_reason],
  ])));
}

function origin(version) {
  const made = version.attempts.filter((one) => one.out_thread_id === version.id);
  return [facts([
    ["version", version.id], ["came from", version.parent_id || "nothing: it is a first version"], ["made", `${version.created_at} UTC`],
    ["dataset", version.dataset], ["partition", version.partition_key], ["thread", version.thread_key], ["sample", version.sample], ["generation", version.generation],
    ["recorded by", version.asset_key], ["recorded in run", version.run_id], ["of partition", version.made_in], ["code version", version.code_version], ["recorded", version.committed_at && `${version.committed_at} UTC`],
  ]), ...made.map((one) => make("div", "change", make("h3", "", "the request that made it"), facts([
    ["request", one.request_key], ["run", one.run_id], ["attempt", one.attempt], ["provider's id", one.provider_request_id], ["model", `${one.client} / ${one.resolved_model || one.model}`],
    ["price", one.price_id], ["dollars", dollars(one)], ["sent", one.sent_at], ["taken over from", one.reused_from],
  ])))];
}

const TABS = { Transcript: transcript, Changes: changes, Cost: cost, "Where from": origin };

function draw() {
  const version = versions[shown];
  const tabs = make("div", "tabs");
  tabs.setAttribute("role", "tablist");
  for (const name of Object.keys(TABS)) {
    if (version.kind !== "ChatThread" && name === "Cost") continue;
    const button = make("button", "", name === "Transcript" && version.kind !== "ChatThread" ? "Content" : name);
    button.setAttribute("role", "tab");
    button.setAttribute("aria-selected", String(name === tab));
    button.onclick = () => { tab = name; draw(); };
    tabs.append(button);
  }
  const notes = [make("h2", "", `Version ${version.short}`), make("span", "quiet", `number ${version.version_no}, ${version.created_at} UTC`)];
  if (version.parent !== null) {
    const link = make("a", "", versions[version.parent].short);
    link.href = `#v${version.parent}`;
    notes.push(make("span", "quiet", "after ", link));
  }
  if (version.so_far) notes.push(make("span", "quiet", `$${version.so_far.toFixed(6)} with all before it`));
  pane.replaceChildren(make("div", "head", ...notes), tabs, ...TABS[tab](version));
  document.querySelectorAll(".tree a[aria-current]").forEach((one) => one.removeAttribute("aria-current"));
  document.getElementById(`row${shown}`).setAttribute("aria-current", "true");
}

function go() {
  const asked = /^#v(\d+)$/.exec(location.hash);
  const current = versions.findIndex((one) => one.current);
  shown = asked && versions[asked[1]] ? Number(asked[1]) : current >= 0 ? current : versions.length - 1;
  against = null;
  draw();
  document.getElementById(`row${shown}`).scrollIntoView({ block: "nearest" });
}

const rows = [...document.querySelectorAll(".tree li")];
const filter = document.getElementById("filter"), count = document.getElementById("count");
filter.oninput = () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  rows.forEach((row, place) => {
    const text = `${row.textContent} ${versions[place].id}`.toLowerCase();
    const fits = words.every((word) => text.includes(word));
    row.classList.toggle("out", !fits);
    if (fits && words.length && !found) row.scrollIntoView({ block: "nearest" });
    found += fits;
  });
  count.textContent = words.length ? `${found} of ${rows.length}` : "";
};
addEventListener("hashchange", go);
go();
