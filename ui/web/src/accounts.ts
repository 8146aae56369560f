// What the API says of people: the same words as package ui/auth.

export type Role = "admin" | "auditor" | "operator" | "viewer";
export type Right = "live" | "playback" | "export" | "ptz";

export const roles: readonly Role[] = ["admin", "auditor", "operator", "viewer"];

/** possible lists the rights that a role can have, and usual those that it has unless somebody chose. */
export const possible: Record<Role, readonly Right[]> = {
  admin: ["live", "playback", "export", "ptz"],
  auditor: ["live", "playback"],
  operator: ["live", "playback", "export", "ptz"],
  viewer: ["live", "playback"],
};
export const usual: Record<Role, readonly Right[]> = { ...possible, viewer: ["live"] };

/** fixed tells whether rights and cameras of a role are not to be chosen. */
export function fixed(role: Role): boolean {
  return role === "admin" || role === "auditor";
}

export interface Passkey {
  id: string;
  name: string;
  created: string;
  last_used?: string;
}

export interface User {
  id: string;
  name: string;
  display: string;
  role: Role;
  rights: Right[];
  all: boolean;
  cameras: string[];
  groups: string[];
  language: string;
  theme: string;
  disabled: boolean;
  /** local, or the id of a sign-on provider */
  source: string;
  created: string;
  last_sign_in?: string;
  has_password: boolean;
  has_totp: boolean;
  passkeys: Passkey[];
}

/** NewUser is what an admin says of a user. */
export type NewUser = Pick<User, "name" | "display" | "role" | "rights" | "all" | "cameras" | "groups" | "language" | "disabled">;

/** SignIn is a session of somebody, as lists show it. */
export interface SignIn {
  id: string;
  method: string;
  ip: string;
  agent: string;
  created: string;
  seen: string;
  expires: string;
  current: boolean;
  partial: boolean;
}

export interface Token {
  id: string;
  name: string;
  rights: Right[];
  cameras: string[] | null;
  reads: boolean;
  created: string;
  expires: string;
  last_used?: string;
}

export interface Confirmation {
  id: string;
  kind: string;
  object: string;
  detail: string;
  by: string;
  by_id: string;
  created: string;
  expires: string;
}

export type Need = "totp" | "passkey" | "enrol" | "password";

/** Session is how things are for whoever looks at the page. */
export interface Session {
  state: "open" | "setup" | "signed-out" | "partial" | "signed-in";
  need: Need[];
  user?: User;
  csrf?: string;
  method?: string;
  providers: { id: string; name: string }[];
  site: { name: string; language: string };
}

/** called is the name that a person is called by. */
export function called(u: { name: string; display: string }): string {
  return u.display || u.name;
}
