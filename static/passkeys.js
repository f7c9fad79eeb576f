/*
 * Passkeys (WebAuthn Level 3) for the forms that offer one: see templates/components/passkey.html.
 *
 * Fetches the options, lets the authenticator answer, and sends the form that the component stands in. Without this
 * script, or where the browser or the address knows no passkeys, the component stays hidden and the page works by its
 * other way.
 */
"use strict";

(() => {
  const REFRESH = 4 * 60 * 1000; // a challenge lives five minutes

  const bytes = (text) => {
    const padded = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(padded), (character) => character.charCodeAt(0)).buffer;
  };

  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  const decoded = (options) => {
    const descriptors = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));
    const found = { ...options, challenge: bytes(options.challenge) };
    if (options.user) found.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) found.excludeCredentials = descriptors(options.excludeCredentials);
    if (options.allowCredentials) found.allowCredentials = descriptors(options.allowCredentials);
    return found;
  };

  const encoded = (credential) => {
    const response = { clientDataJSON: text(credential.response.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = text(credential.response[part]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      clientExtensionResults: {},
      response,
    });
  };

  class Component {
    constructor(root) {
      this.root = root;
      this.form = root.closest("form");
      this.button = root.querySelector("button");
      this.problem = root.querySelector("[role=alert]");
      this.pending = null;
      this.timer = null;
    }

    start() {
      this.root.hidden = false;
      this.button.addEventListener("click", () => this.press());
      if (this.root.dataset.kind === "create") {
        this.form.addEventListener("submit", (event) => {
          event.preventDefault();
          this.press();
        });
      }
      if ("conditional" in this.root.dataset) this.offer();
    }

    async options() {
      const token = this.form.querySelector("[name=csrfmiddlewaretoken]").value;
      const answer = await fetch(this.root.dataset.options, {
        method: "POST",
        headers: { "X-CSRFToken": token },
        credentials: "same-origin",
      });
      const found = answer.headers.get("Content-Type").includes("json") ? await answer.json() : {};
      if (!answer.ok) throw new Refusal(found.message);
      return decoded(found);
    }

    async ask(more = {}) {
      this.pending?.abort();
      const mine = (this.pending = new AbortController());
      const publicKey = await this.options();
      if (mine.signal.aborted) throw new DOMException("", "AbortError");
      const kind = this.root.dataset.kind;
      return navigator.credentials[kind]({ publicKey, signal: mine.signal, ...more });
    }

    async press() {
      if (this.root.dataset.kind === "create" && !this.form.reportValidity()) return;
      clearTimeout(this.timer);
      this.say("");
      this.button.disabled = true;
      try {
        this.send(await this.ask());
      } catch (error) {
        this.refuse(error);
      } finally {
        this.button.disabled = false;
      }
    }

    /* The browser offers its passkeys in the field of the address; nothing is shown where there are none. */
    async offer() {
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
      this.timer = setTimeout(() => this.offer(), REFRESH);
      try {
        this.send(await this.ask({ mediation: "conditional" }));
      } catch {
        // Nobody asked for this: the button and the form say what is wrong to whoever uses them.
      }
    }

    send(credential) {
      this.form.querySelector("[name=passkey]").value = encoded(credential);
      this.form.submit();
    }

    refuse(error) {
      if (error.name === "AbortError") return;
      if (error instanceof Refusal && error.message) this.say(error.message);
      else if (error.name === "InvalidStateError") this.say(this.root.dataset.known);
      else this.say(this.root.dataset.failed);
    }

    say(words) {
      this.problem.textContent = words;
      this.problem.hidden = !words;
    }
  }

  class Refusal extends Error {}

  const here = (domain) => location.hostname === domain || location.hostname.endsWith(`.${domain}`);

  for (const root of document.querySelectorAll("[data-passkey]")) {
    if (!window.PublicKeyCredential || !here(root.dataset.passkey)) continue;
    for (const instead of document.querySelectorAll("[data-without-passkeys]")) instead.hidden = true;
    new Component(root).start();
  }
})();
