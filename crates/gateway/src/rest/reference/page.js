// Shows /api/openapi.json. Text only ever becomes text: nothing of the document is read as HTML.
"use strict";

// element("p.note", child, …): children are elements or texts.
function element(kind, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  made.className = classes.join(" ");
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Marks what stands between backticks as code.
function prose(kind, text) {
  const parts = (text || "").split("`");
  return element(kind, ...parts.map((part, index) => (index % 2 ? element("code", part) : part)));
}

function link(name) {
  const made = element("a", name);
  made.href = `#type-${name}`;
  return made;
}

// A schema on one line.
function typed(schema) {
  if (schema.$ref) return link(schema.$ref.split("/").pop());
  if (schema.anyOf) {
    const parts = schema.anyOf.filter((part) => part.type !== "null").map(typed);
    return element("span", ...parts.flatMap((part, index) => (index ? [" or ", part] : [part])));
  }
  if (schema.prefixItems) {
    const parts = schema.prefixItems.map(typed).flatMap((part, index) => (index ? [", ", part] : [part]));
    return element("span", "[", ...parts, "]");
  }
  if (schema.const !== undefined) return element("code", schema.const);
  const type = [schema.type].flat().find((word) => word !== "null") || "any";
  if (type === "array") return element("span", "[", typed(schema.items), "]");
  return element("span", schema.contentEncoding ? `${type} (${schema.contentEncoding})` : type);
}

function row(name, optional, schema, about) {
  return element("tr", element("td", element("code", name), optional ? "?" : ""), element("td", typed(schema)), prose("td", about));
}

function fields(schema) {
  const required = schema.required || [];
  const rows = Object.entries(schema.properties || {}).map(([name, field]) =>
    row(name, !required.includes(name), field, field.description));
  return rows.length ? element("div.wide", element("table", ...rows)) : null;
}

// A problem's type points at its code: /api/docs#error-….
function words(name, schema) {
  const rows = schema.enum.map((word, index) => {
    const made = element("tr", element("td", element("code", word)), prose("td", schema["x-enum-descriptions"][index]));
    if (name === "ErrorCode") made.id = `error-${word}`;
    return made;
  });
  return element("div.wide", element("table", ...rows));
}

function type(name, schema) {
  const made = element("section.type", element("h3", name), prose("p", schema.description));
  made.id = `type-${name}`;
  for (const part of schema.allOf || schema.anyOf || [schema]) {
    if (part.properties) made.append(prose("p.note", part === schema ? "" : part.description), fields(part) || "");
    else if (part.enum) made.append(words(name, part));
    else if (part.pattern) made.append(element("p", element("code", part.pattern)));
    else made.append(element("p", typed(part)));
  }
  return made;
}

function operation(path, method, what) {
  const open = what.security && !what.security.length;
  const title = element("summary", element(`b.method.${method}`, method.toUpperCase()), element("code", path), open ? "" : element("span.token", "token"));
  const made = element("details.route", title, prose("p", what.summary), what.description ? prose("p.note", what.description) : null);
  made.id = what.operationId;
  made.dataset.text = `${method} ${path} ${what.summary} ${what.description || ""}`.toLowerCase();
  if (what.parameters) {
    const rows = what.parameters.map((it) => row(it.name, !it.required, it.schema, `In the ${it.in}. ${it.description || ""}`));
    made.append(element("h4", "Takes"), element("div.wide", element("table", ...rows)));
  }
  if (what.requestBody) {
    made.append(element("h4", "Body"), element("p", typed(what.requestBody.content["application/json"].schema)));
  }
  const answers = Object.entries(what.responses).map(([status, answer]) => {
    const content = Object.values(answer.content || {})[0];
    return element("tr", element("td", element("code", status)), element("td", content ? typed(content.schema) : ""), prose("td", answer.description));
  });
  made.append(element("h4", "Answers"), element("div.wide", element("table", ...answers)));
  return made;
}

function show(api) {
  const main = document.getElementById("main");
  main.replaceChildren(prose("p", api.info.description));
  const source = element("a", "The OpenAPI document");
  source.href = "/api/openapi.json";
  main.append(element("p", source, `, version ${api.info.version}. What is marked `, element("span.token", "token"), " takes an access token."));
  for (const tag of api.tags) {
    const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).filter(([, what]) => what.tags.includes(tag.name)).map(([method, what]) => operation(path, method, what)));
    const section = element("section.routes", element("h2", tag.name), ...routes);
    main.append(section);
  }
  main.append(element("h2", "Types"));
  for (const [name, schema] of Object.entries(api.components.schemas)) main.append(type(name, schema));
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const route of document.querySelectorAll(".route")) {
      route.hidden = !words.every((word) => route.dataset.text.includes(word));
    }
    for (const section of document.querySelectorAll(".routes")) {
      section.hidden = !section.querySelector(".route:not([hidden])");
    }
  });
  go();
}

// Opens and shows what the address names.
function go() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  document.querySelector(".named")?.classList.remove("named");
  if (!target) return;
  target.classList.add("named");
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", go);
fetch("/api/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => document.getElementById("main").replaceChildren(element("p", `The document did not load: ${error.message}`)));
