// The page: who one is, where one looks, and what is said there. The server tells when to look again.
import { blocks, emoji, h, image, nodes } from "/page/blocks.js";
import { ask, modal } from "/page/modal.js";

const asked = new URLSearchParams(location.search);
const place = { as: asked.get("as"), channel: asked.get("channel"), thread: asked.get("thread"), home: asked.has("home") };
if (asked.get("theme")) document.documentElement.dataset.theme = asked.get("theme");
const $ = (id) => document.getElementById(id);
const drafts = {};
const open = { key: null, errors: {}, values: {}, problem: null, layer: null };
let page = null;
let firstLook = true;

async function post(path, body) {
  const response = await fetch(`/_fake/${path}`, { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body) });
  return { status: response.status, ...(await response.json() ?? {}) };
}

function toast(words) {
  const node = h("p", { class: "toast" }, words);
  $("toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}

function go(where) {
  Object.assign(place, { thread: null, home: false }, where);
  const query = new URLSearchParams({ as: place.as });
  if (place.channel) query.set("channel", place.channel);
  if (place.thread) query.set("thread", place.thread);
  if (place.home) query.set("home", "1");
  if (asked.get("theme")) query.set("theme", asked.get("theme"));
  history.replaceState(null, "", `?${query}`);
  draw();
}

function pane() {
  if (place.side) return "side";
  return place.thread ? "thread" : "channel";
}

// -- deeds

async function act(holder, element, value) {
  const body = { user: place.as, message: holder, action: element.action_id, value: value ?? element.value };
  if (element.confirm && !(await ask(element.confirm))) return;
  const deed = await post("click", { ...body, confirmed: true });
  if (deed.error) toast(deed.error);
  else if (deed.problem) toast(deed.problem);
}

async function type(event, field, thread) {
  event.preventDefault();
  const words = field.value.trim();
  if (!words) return;
  const [command, ...rest] = words.split(" ");
  field.value = "";
  drafts[thread ?? place.channel] = "";
  const said = words.startsWith("/")
    ? await post("command", { user: place.as, channel: place.channel, command, text: rest.join(" ") })
    : await post("say", { user: place.as, channel: place.channel, text: escaped(words), thread_ts: thread ?? null });
  if (said.error) toast(said.error);
}

// What Slack's own client does to what people type, so that nobody writes markup by hand.
const escaped = (words) => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// -- drawing

function avatar(name, app) {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  const letters = name.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
  return h("span", { class: `avatar ${app ? "app" : `hue${Math.floor(hue / 60)}`}`, "aria-hidden": "true" }, app ? "" : letters);
}

function message(one, channel, inThread) {
  const context = { users: page.users, holder: one.ts, act: (element, block, value) => act(one.ts, element, value) };
  const count = one.replies;
  return h("article", { class: `message ${one.only_you ? "only-you" : ""}`, id: `m${one.ts}`, "data-ts": one.ts,
    "data-author": one.author, "data-ephemeral": one.only_you ? "true" : undefined },
  avatar(one.author, one.app),
  h("div", { class: "what" },
    one.only_you ? h("p", { class: "only" }, "Only visible to you") : null,
    one.pinned ? h("p", { class: "only" }, "Pinned") : null,
    one.broadcast && !inThread ? h("p", { class: "only" }, "replied to a thread") : null,
    h("p", { class: "who" }, h("strong", {}, one.author), one.app ? h("span", { class: "tag" }, "APP") : null,
      h("span", { class: "time" }, one.time)),
    one.text.length ? h("div", { class: "text plain" }, nodes(one.text)) : null,
    blocks(one.blocks, context),
    one.attachments.map((part) => h("div", { class: `attachment ${part.color === "danger" ? "danger" : ""}` },
      part.text.length ? h("div", { class: "text" }, nodes(part.text)) : null, blocks(part.blocks, context))),
    one.edited ? h("span", { class: "edited" }, "(edited)") : null,
    one.files.map(upload),
    one.reactions.length ? h("p", { class: "reactions" }, one.reactions.map((mark) =>
      h("span", { class: "reaction" }, emoji(mark.name), ` ${mark.count}`))) : null,
    count && !inThread ? h("button", { type: "button", class: "replies", "data-thread": one.ts,
      onclick: () => go({ thread: one.ts }) }, count === 1 ? "1 reply" : `${count} replies`)
      : !inThread && !one.only_you ? h("button", { type: "button", class: "replies quiet", "data-thread": one.ts,
        onclick: () => go({ thread: one.ts }) }, "Reply in thread") : null));
}

function upload(file) {
  if (file.mimetype.startsWith("image/")) {
    return h("figure", { class: "upload", "data-file": file.id }, h("figcaption", {}, file.title),
      h("a", { href: file.path, target: "_blank" }, image({ slack_file: { id: file.id }, alt_text: file.title })));
  }
  return h("p", { class: "upload" }, h("a", { href: file.path, download: file.name, "data-file": file.id }, file.title));
}

function composer(thread) {
  const key = thread ?? place.channel;
  const name = page.channels.find((one) => one.id === place.channel);
  const label = thread ? "Reply" : `Message ${name.direct ? "" : "#"}${name.name}, or /ladder`;
  const field = h("input", { type: "text", "aria-label": label, placeholder: label, "data-role": thread ? "reply" : "composer",
    value: drafts[key] ?? "", autocomplete: "off", oninput: (event) => { drafts[key] = event.target.value; } });
  return h("form", { class: "composer", onsubmit: (event) => type(event, field, thread) }, field,
    h("button", { type: "submit", class: "button primary", "data-role": "send" }, "Send"));
}

function withDays(messages, channel) {
  let day = null;
  return messages.flatMap((one) => {
    const shown = message(one, channel, false);
    if (one.day === day) return [shown];
    day = one.day;
    return [h("h4", { class: "day" }, h("span", {}, one.day[0].toUpperCase() + one.day.slice(1))), shown];
  });
}

const menu = () => h("button", { type: "button", class: "icon menu", "aria-label": "Channels and people",
  onclick: () => { place.side = true; draw(); } }, "☰");

function drawChannel(channel) {
  return [
    h("header", { class: "bar" }, menu(), h("h1", {}, channel.direct ? channel.name : `# ${channel.name}`),
      h("span", { class: "members" }, channel.direct ? "App" : `${channel.members} members`)),
    h("div", { class: "messages", "data-channel": channel.id },
      channel.messages.length ? withDays(channel.messages, channel) : h("p", { class: "empty" }, "Nothing has been said here yet.")),
    channel.archived ? h("p", { class: "archived", role: "status" }, "This channel is archived: nobody can write here.") : composer(null),
  ];
}

function drawHome() {
  const view = page.home;
  const context = view && { users: page.users, holder: view.id, act: (element, block, value) => act(view.id, element, value) };
  return [
    h("header", { class: "bar" }, menu(), h("h1", {}, page.app), h("span", { class: "members" }, "Home")),
    h("div", { class: "messages home", "data-role": "home", "data-view": view?.id },
      view ? blocks(view.blocks, context) : h("p", { class: "empty" }, "The app has published nothing here yet.")),
  ];
}

function drawThread(channel) {
  const root = channel.messages.find((one) => one.ts === place.thread);
  const replies = channel.threads[place.thread];
  const words = !replies?.length ? "No replies yet" : replies.length === 1 ? "1 reply" : `${replies.length} replies`;
  return [
    h("header", { class: "bar" }, h("h2", {}, "Thread"), h("span", { class: "members" }, `#${channel.name}`),
      h("button", { type: "button", class: "icon close", "aria-label": "Close thread", onclick: () => go({}) }, "✕")),
    h("div", { class: "messages", "data-thread-of": place.thread }, root ? message(root, channel, true) : null,
      h("h4", { class: "day" }, h("span", {}, words)),
      (replies ?? []).map((one) => message(one, channel, true))),
    channel.archived ? null : composer(place.thread),
  ];
}

function drawSide() {
  $("team").textContent = page.team;
  $("as").replaceChildren(...page.users.map((user) =>
    h("option", { value: user.id, selected: user.id === place.as }, `${user.real_name} (@${user.name})`)));
  const item = (words, here, onclick, data) => h("li", {}, h("button", { type: "button", class: here ? "here" : "",
    "aria-current": here ? "page" : undefined, onclick, ...data }, words));
  const visit = (where) => () => { place.side = false; go(where); };
  const listed = page.channels.filter((one) => !one.direct).map((one) => item(`# ${one.name}`,
    !place.home && one.id === place.channel, visit({ channel: one.id }), { "data-channel": one.id }));
  $("channels").replaceChildren(...listed);
  const direct = page.channels.find((one) => one.direct);
  $("apps").replaceChildren(
    item(`${page.app}: Home`, place.home, () => { visit({ home: true })(); post("home", { user: place.as }); }, { "data-home": true }),
    item(`${page.app}: Messages`, !place.home && place.channel === direct?.id, visit({ channel: direct?.id }),
      { "data-channel": direct?.id }));
  const count = page.connections;
  $("connections").textContent = count ? `App connected (${count})` : "App not connected";
  $("connections").classList.toggle("off", !count);
}

// Puts a new drawing in the place of the old, and stays at the end if one was there.
function put(node, children) {
  const old = node.querySelector(".messages");
  const atEnd = !old || old.scrollHeight - old.scrollTop - old.clientHeight < 60;
  const top = old?.scrollTop ?? 0;
  const typing = node.contains(document.activeElement) && document.activeElement.dataset.role;
  node.replaceChildren(...children.filter(Boolean));
  const list = node.querySelector(".messages");
  if (list) list.scrollTop = list.classList.contains("home") ? top : atEnd ? list.scrollHeight : top;
  if (typing) {
    const field = node.querySelector(`[data-role="${typing}"]`);
    field?.focus();
    field?.setSelectionRange?.(field.value.length, field.value.length);
  }
}

function drawModal() {
  const view = page.views.at(-1);
  const key = view ? `${view.id} ${view.hash}` : null;
  if (key !== open.key) Object.assign(open, { key, errors: {}, values: {}, problem: null });
  else if (open.layer && !open.redraw) return;
  open.redraw = false;
  open.layer?.remove();
  open.layer = null;
  if (!view) return;
  const context = { users: page.users, holder: view.id, errors: open.errors, values: open.values, problem: open.problem,
    act: (element, block, value) => act(view.id, element, value) };
  open.layer = modal(view, context, {
    close: async () => { await post("close", { user: place.as, view: view.id }); },
    submit: async (values) => {
      const filled = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
      const deed = await post("submit", { user: place.as, view: view.id, values: filled });
      Object.assign(open, { errors: deed.errors ?? {}, values: filled, problem: deed.problem ?? deed.error ?? null, redraw: true });
      await look();
    },
  });
  $("layers").append(open.layer);
  const first = open.layer.querySelector("[aria-invalid=true], .body input, .body textarea, .body select");
  (first ?? open.layer.firstChild).focus();
}

function draw() {
  if (!page) return;
  const channel = page.channels.find((one) => one.id === place.channel) ?? page.channels[0];
  place.channel = channel.id;
  document.title = `${place.home ? page.app : channel.name} – ${page.team}`;
  $("app").dataset.pane = pane();
  drawSide();
  put($("main"), place.home ? drawHome() : drawChannel(channel));
  const threaded = !place.home && place.thread;
  $("thread").hidden = !threaded;
  put($("thread"), threaded ? drawThread(channel) : []);
  drawModal();
  if (firstLook && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  firstLook = false;
}

async function look() {
  const query = place.as ? `?as=${encodeURIComponent(place.as)}` : "";
  page = await (await fetch(`/_fake/page${query}`)).json();
  place.as = page.me.id;
  draw();
  document.body.dataset.ready = "true";
}

$("as").addEventListener("change", async (event) => {
  place.as = event.target.value;
  go({ channel: place.channel, home: place.home });
  await look();
});

// Several changes in one moment are one look.
let looking = null;
const stream = new EventSource("/_fake/stream");
stream.addEventListener("message", () => { looking ??= setTimeout(() => { looking = null; look(); }, 30); });
stream.addEventListener("error", () => { $("connections").textContent = "Slack is not there; trying again …"; });
look();
