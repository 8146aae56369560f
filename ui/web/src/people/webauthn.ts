// Passkeys: what the recorder asks of the browser's authenticator, and what that
// answers, both as JSON. Where the browser cannot convert, we do.

import { Told } from "../trouble";
import { words } from "./words";

type JSONObject = Record<string, unknown>;

/** passkeysHere tells whether the browser has passkeys on this page. */
export const passkeysHere = isSecureContext && "credentials" in navigator && "PublicKeyCredential" in globalThis;

/** makePasskey has the browser make a passkey, and gives what the recorder needs of it. */
export async function makePasskey(options: JSONObject): Promise<unknown> {
  const publicKey =
    "parseCreationOptionsFromJSON" in PublicKeyCredential
      ? PublicKeyCredential.parseCreationOptionsFromJSON(options as unknown as PublicKeyCredentialCreationOptionsJSON)
      : (binary(options) as unknown as PublicKeyCredentialCreationOptions);
  return answer(() => navigator.credentials.create({ publicKey }));
}

/** provePasskey has the browser prove a passkey. */
export async function provePasskey(options: JSONObject): Promise<unknown> {
  const publicKey =
    "parseRequestOptionsFromJSON" in PublicKeyCredential
      ? PublicKeyCredential.parseRequestOptionsFromJSON(options as unknown as PublicKeyCredentialRequestOptionsJSON)
      : (binary(options) as unknown as PublicKeyCredentialRequestOptions);
  return answer(() => navigator.credentials.get({ publicKey }));
}

async function answer(ask: () => Promise<Credential | null>): Promise<unknown> {
  const m = words.peek();
  let credential: Credential | null;
  try {
    credential = await ask();
  } catch (e) {
    const name = e instanceof DOMException ? e.name : "";
    if (name === "InvalidStateError") throw new Told(m.passkeyKnown, m.passkeyKnownFix);
    if (name === "SecurityError") throw new Told(m.passkeyForeign, m.passkeyForeignFix);
    throw new Told(m.passkeyCancelled, m.passkeyCancelledFix);
  }
  if (!(credential instanceof PublicKeyCredential)) throw new Told(m.passkeyCancelled, m.passkeyCancelledFix);
  return typeof credential.toJSON === "function" ? credential.toJSON() : text(credential);
}

/** binary gives options whose base64url texts are bytes, where WebAuthn wants bytes. */
function binary(options: JSONObject): JSONObject {
  const ids = (list: unknown): unknown => (Array.isArray(list) ? list.map((c: JSONObject) => ({ ...c, id: bytes(c.id) })) : undefined);
  const out: JSONObject = { ...options, challenge: bytes(options.challenge) };
  const user = options.user as JSONObject | undefined;
  if (user) out.user = { ...user, id: bytes(user.id) };
  if (options.excludeCredentials) out.excludeCredentials = ids(options.excludeCredentials);
  if (options.allowCredentials) out.allowCredentials = ids(options.allowCredentials);
  return out;
}

/** text gives a credential as JSON. */
function text(c: PublicKeyCredential): unknown {
  const r = c.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: JSONObject = { clientDataJSON: base64url(r.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"] as const) {
    const value = r[name] as ArrayBuffer | null | undefined;
    if (value) response[name] = base64url(value);
  }
  if (typeof r.getTransports === "function") response.transports = r.getTransports();
  return {
    id: c.id, rawId: base64url(c.rawId), type: c.type, response,
    authenticatorAttachment: c.authenticatorAttachment, clientExtensionResults: c.getClientExtensionResults(),
  };
}

function bytes(base64: unknown): Uint8Array {
  const plain = String(base64).replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(plain), (c) => c.charCodeAt(0));
}

function base64url(b: ArrayBuffer): string {
  let s = "";
  for (const byte of new Uint8Array(b)) s += String.fromCharCode(byte);
  return btoa(s).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
