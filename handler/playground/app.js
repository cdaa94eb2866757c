// The page is made of the API's description: the properties, their rules, and what a caller must send. It keeps nothing,
// and decodes tokens here; the secret stays on the server.

const $ = (id) => document.getElementById(id);

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const fields = new Map(); // by the name that an answer's errors give
const properties = new Map(); // the same without the sign-in field
const claimsOf = {}; // the properties' names by their claims
let target; // the URL that takes requests

// --- the form

// addField puts an input with its rule and room for its error into the form.
function addField(into, name, { hint, mark, value = "", numeric, secret }) {
  const field = { name, node: $("field").content.cloneNode(true).firstElementChild };
  const part = (selector) => field.node.querySelector(selector);
  [field.input, field.error] = [part("input"), part(".error")];
  const id = `field-${name}`;
  Object.assign(part("label"), { htmlFor: id }).append(name);
  if (mark) part("label").append(" ", make("span", { className: "mark" }, mark));
  part(".hint").id = `${id}-hint`;
  part(".hint").textContent = hint;
  field.error.id = `${id}-error`;
  Object.assign(field.input, { id, name, value, inputMode: numeric ? "numeric" : "text" });
  field.input.setAttribute("aria-describedby", `${id}-error ${id}-hint`);
  if (secret) {
    field.input.type = "password";
    const toggle = make("button", { type: "button" }, "Show");
    toggle.setAttribute("aria-pressed", "false");
    toggle.setAttribute("aria-label", `Show ${name}`);
    toggle.addEventListener("click", () => {
      const shown = field.input.type === "password";
      field.input.type = shown ? "text" : "password";
      toggle.setAttribute("aria-pressed", String(shown));
    });
    part(".entry").append(toggle);
  }
  $(into).append(field.node);
  fields.set(name, field);
  return field;
}

function showError(field, message) {
  field.error.textContent = message;
  field.input.setAttribute("aria-invalid", String(message !== ""));
}

// ruleOfText is the schema that text must keep: the only one, or the one of the alternatives that is for strings.
const ruleOfText = (schema) => (schema.anyOf ?? [schema]).find((alternative) => alternative.type === "string");

// whatIsWrong says how a text breaks the property's rule, in the service's words; JavaScript counts characters as Zoom does.
function whatIsWrong({ schema, required }, text) {
  if (text === "") return required ? `must be ${schema.title}, got nothing` : "";
  const { minLength = 0, maxLength = Infinity, pattern = "" } = ruleOfText(schema);
  if (text.length < minLength || text.length > maxLength) return `must be ${schema.title}, got ${text.length}`;
  return new RegExp(pattern, "u").test(text) ? "" : `must be ${schema.title}`;
}

function build(description) {
  const [path, { post }] = Object.entries(description.paths).find(([, operations]) => operations.post);
  target = new URL(`./${path.slice(1)}`, document.baseURI);
  $("target").textContent = `POST ${target.pathname}`;
  if (post.security) {
    const schemes = Object.values(description.components.securitySchemes).map((scheme) => scheme.description);
    if (post.security.some((alternative) => Object.keys(alternative).length === 0)) schemes.push("nothing, where a proxy signs users in");
    const field = addField("sign-in", "Authorization", { hint: `Bearer: ${schemes.join(", or ")}. It is sent with the request and kept nowhere.`, secret: true });
    field.input.addEventListener("input", () => showError(field, ""));
  }
  const { properties: schemas, required } = description.components.schemas.TokenRequest;
  const [example] = Object.values(post.requestBody.content["application/json"].examples);
  for (const [name, schema] of Object.entries(schemas)) {
    const first = name in example.value;
    const field = addField(first ? "first" : "others", name, {
      hint: `${schema.title[0].toUpperCase()}${schema.title.slice(1)}: ${schema.description}`,
      mark: required.includes(name) ? "required" : "",
      value: first ? String(example.value[name]) : "",
      numeric: schema.anyOf?.[0].type === "integer",
    });
    Object.assign(field, { schema, required: required.includes(name) });
    properties.set(name, field);
    const claim = schema.description.match(/\(claim (\w+)\)$/)?.[1];
    claimsOf[claim] = name;
    field.input.addEventListener("input", () => {
      showError(field, whatIsWrong(field, field.input.value));
      showCode();
    });
  }
  showCode();
}

// --- the request

// body is what the form asks for: whole numbers as numbers, all else as it was typed, and nothing for what is empty.
function body() {
  const request = {};
  for (const [name, { input, schema }] of properties) {
    const whole = schema.anyOf?.[0].type === "integer" && /^-?(0|[1-9]\d{0,14})$/.test(input.value);
    if (input.value !== "") request[name] = whole ? Number(input.value) : input.value;
  }
  return request;
}

const bearer = () => fields.get("Authorization")?.input.value.trim() ?? "";

// showCode writes the request as code; the credential is a variable there.
function showCode() {
  const json = JSON.stringify(body());
  const signsIn = fields.has("Authorization");
  $("curl").textContent = [
    `curl '${target}'`,
    "-H 'Content-Type: application/json'",
    ...(signsIn ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    `-d '${json.replaceAll("'", String.raw`'\''`)}'`,
  ].join(" \\\n  ");
  $("fetch").textContent = [
    `const answer = await fetch(${JSON.stringify(String(target))}, {`,
    '  method: "POST",',
    "  headers: {",
    '    "Content-Type": "application/json",',
    ...(signsIn ? ["    Authorization: `Bearer ${token}`,"] : []),
    "  },",
    `  body: JSON.stringify(${JSON.stringify(body(), null, 2).replaceAll("\n", "\n  ")}),`,
    "});",
    "if (!answer.ok) throw new Error(await answer.text());",
    "const { signature } = await answer.json();",
  ].join("\n");
}

let sending = false;

async function send(event) {
  event.preventDefault();
  if (sending) return;
  sending = true;
  $("status").textContent = "Sending…";
  const start = performance.now();
  try {
    const headers = { "Content-Type": "application/json" };
    if (bearer() !== "") headers.Authorization = `Bearer ${bearer()}`;
    const response = await fetch(target, { method: "POST", headers, body: JSON.stringify(body()) });
    const text = await response.text();
    showAnswer(response, text, performance.now() - start);
  } catch (error) {
    clear();
    $("status").textContent = "No answer.";
    $("failure").append(`The request could not be sent: ${error.message}.`);
  } finally {
    sending = false;
  }
}

// --- the answer

function clear() {
  $("status").replaceChildren();
  $("failure").replaceChildren();
  $("token").hidden = true;
  for (const field of fields.values()) showError(field, "");
}

function showAnswer(response, text, took) {
  clear();
  const id = response.headers.get("X-Request-Id") ?? "none";
  $("status").append(`${response.status} ${response.statusText}`.trim(), make("small", {}, `${Math.round(took)} ms, request id ${id}`));
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = {};
  }
  if (answer?.signature) {
    showToken(answer.signature);
  } else {
    showErrors(answer?.errors ?? [{ property: "answer", reason: `is neither a token nor errors: ${text.slice(0, 200)}` }]);
  }
  $("answer").scrollIntoView({ block: "nearest" });
}

// showErrors puts each error beside the field that it names, lists all of them, and moves to the first such field.
function showErrors(errors) {
  const list = make("ul");
  let first;
  for (const { property, reason } of errors) {
    const field = fields.get(property);
    if (!field) {
      list.append(make("li", {}, `${property} ${reason}`));
      continue;
    }
    showError(field, reason);
    first ??= field;
    const link = make("a", { href: `#${field.input.id}` }, property);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      reach(field);
    });
    list.append(make("li", {}, link, ` ${reason}`));
  }
  $("failure").append(make("p", {}, "The endpoint gives no token:"), list);
  if (first) reach(first);
}

function reach(field) {
  if ($("more").contains(field.input)) $("more").open = true;
  field.input.focus();
}

// decode reads a part of a JWT: base64url of JSON in UTF-8.
function decode(part) {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
}

const times = new Map(); // for each table, the functions that say anew how long ago or ahead a time is

// showParts fills a table with the header of a token, and one with its claims.
function showParts(token, header, claims) {
  const parts = token.split(".");
  if (parts.length !== 3) throw new Error(`a token has three parts with dots between, and this has ${parts.length}`);
  const [first, second] = parts.slice(0, 2).map(decode);
  for (const [table, part] of [[header, first], [claims, second]]) {
    times.set(table, []);
    $(table).replaceChildren(...Object.entries(part).map(([name, value]) => row(name, value, times.get(table))));
  }
}

function showToken(signature) {
  $("signature").textContent = signature;
  showParts(signature, "header", "claims");
  $("token").hidden = false;
}

// showPasted shows what is in a token that somebody pastes: the token alone, or an answer or a line of a log that holds it.
function showPasted() {
  const text = $("pasted").value.trim();
  const token = text.match(/[\w-]+\.[\w-]+\.[\w-]*/)?.[0] ?? text;
  let mistake = "";
  try {
    if (text !== "") showParts(token, "pasted-header", "pasted-claims");
  } catch (error) {
    mistake = `This is not a token: ${error.message}.`;
  }
  $("pasted-error").textContent = mistake;
  $("pasted").setAttribute("aria-invalid", String(mistake !== ""));
  $("pasted-parts").hidden = text === "" || mistake !== "";
}

const verbs = { iat: ["issued", "issued"], exp: ["expired", "expires"] };

// row makes the row of a claim, and adds to clocks what must be said anew as time passes.
function row(name, value, clocks) {
  const words = make("small", {}, claimsOf[name] ?? "");
  if (verbs[name]) {
    const tell = () => {
      const ahead = value - Date.now() / 1000;
      words.textContent = `${verbs[name][ahead > 0 ? 1 : 0]} ${inWords(ahead)}, ${new Date(value * 1000).toLocaleString()}`;
    };
    tell();
    clocks.push(tell);
  }
  return make("tr", {}, make("th", { scope: "row" }, breakable(name)), make("td", {}, JSON.stringify(value), words));
}

// breakable lets a narrow screen break a name after an underscore, and nowhere else.
function breakable(name) {
  const fragment = new DocumentFragment();
  for (const part of name.split(/(?<=_)/)) fragment.append(part, make("wbr"));
  return fragment;
}

setInterval(() => [...times.values()].flat().forEach((tell) => tell()), 1000);

const relative = new Intl.RelativeTimeFormat("en");
const units = [["second", 1, 90], ["minute", 60, 5400], ["hour", 3600, 129600], ["day", 86400, Infinity]];

// inWords turns seconds into "30 seconds ago" or "in 2 hours".
function inWords(seconds) {
  const [unit, size] = units.find(([, , most]) => Math.abs(seconds) < most);
  return relative.format(Math.round(seconds / size), unit);
}

// --- copying

async function copy(button) {
  const code = $(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(code.textContent);
    $("copied").textContent = "Copied.";
  } catch {
    // browsers forbid it without https, but for localhost
    getSelection().selectAllChildren(code);
    $("copied").textContent = "Selected: copy it with the keyboard.";
  }
}

for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));
$("form").addEventListener("submit", send);
$("pasted").addEventListener("input", showPasted);
try {
  build(await (await fetch("openapi.json")).json());
} catch (error) {
  $("failure").append(`The API's description could not be read: ${error.message}.`);
}
