// Sends username, password and the token of the link. The session that this opens is ended at once: people sign in where
// they want to be signed in.
"use strict";

const element = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const tell = (text) => { element("outcome").textContent = text; };

if (!token) tell("The link is not whole: it ends with #token=…");

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("button").disabled = true;
  tell("");
  try {
    const body = { token, username: element("username").value, password: element("password").value, device: "First admin" };
    const json = { "content-type": "application/json" };
    const answer = await fetch("/api/auth/first-admin", { method: "POST", headers: json, body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.code === "wrong_code" ? "The link is wrong, or was used." : said.message);
    await fetch("/api/auth/logout", { method: "POST", headers: { authorization: `Bearer ${said.accessToken}` } });
    history.replaceState(null, "", location.pathname);
    element("form").remove();
    tell(`${said.user.username} is the admin of this server now.`);
  } catch (error) {
    tell(error.message);
    element("button").disabled = false;
  }
});
