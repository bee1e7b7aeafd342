// Passkeys: asks the server for options, the browser for an answer, and sends that by the form it stands in.
// The contract with the server: `form[data-passkey]` is "get" or "create"; `data-options` is where the options are asked
// for, with the form's own `form_token`; the answer goes into the field `credential`. The last `[role=status]` of the
// form is for words. Without this script, or without passkeys, the form stays hidden.

const WORDS = {
  NotAllowedError: "No passkey was chosen. Try again, or use the password.",
  InvalidStateError: "This device has a passkey here already.",
  SecurityError: "Passkeys do not work at this address.",
};
const STATUS_WORDS = {
  403: "This page is too old. Reload it and try again.",
  409: "That cannot be done: you have too many passkeys, or they do not work at this address.",
  429: "Too many attempts. Wait for a while, then try again.",
};

if (window.isSecureContext && window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      if (form.elements.credential.value) return; // the answer is there: send it
      event.preventDefault();
      void ask(form);
    });
  }
}

/** @param {HTMLFormElement} form */
async function ask(form) {
  const say = (words) => (form.querySelector("[role=status]").textContent = words);
  const button = form.querySelector("button");
  button.disabled = true;
  say("Waiting for the passkey …");
  try {
    const options = await optionsOf(form);
    if (options === null) return; // on the way to another page
    const made =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: options })
        : await navigator.credentials.get({ publicKey: options });
    form.elements.credential.value = JSON.stringify(plain(made));
    say("");
    form.submit();
  } catch (error) {
    say(WORDS[error.name] ?? error.message);
  } finally {
    button.disabled = false;
  }
}

/** @param {HTMLFormElement} form */
async function optionsOf(form) {
  const body = new URLSearchParams();
  const token = form.elements.form_token;
  if (token) body.set("form_token", token.value);
  const answer = await fetch(form.dataset.options, { method: "POST", body });
  if (answer.redirected) {
    location.assign(answer.url); // to sign in, or to prove first who one is
    return null;
  }
  if (!answer.ok) throw new Error(STATUS_WORDS[answer.status] ?? "The server could not answer. Try again.");
  const options = await answer.json();
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const name of ["allowCredentials", "excludeCredentials"])
    options[name] = (options[name] ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  return options;
}

/** Returns what the server reads, as `PublicKeyCredential.toJSON` does where browsers have it. */
function plain(made) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (made.response[name]) response[name] = text(made.response[name]);
  return { id: made.id, rawId: text(made.rawId), type: made.type, response };
}

/** @param {string} encoded base64url */
function bytes(encoded) {
  const plainText = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plainText, (letter) => letter.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function text(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
