import type { JSX } from "preact";
import { Icon } from "../icons";
import { Devices } from "../devices/devices";
import { page } from "../route";
import { reads } from "../session";
import { Account } from "./account";
import { AuditLog } from "./auditlog";
import { Users } from "./users";
import { words } from "./words";

/** Office is where devices, people, accounts and the audit log are looked after. */
export function Office(): JSX.Element {
  return (
    <main id="office" class="office" tabIndex={-1}>
      {page.value === "account" ? <Account /> : !reads.value ? <NotYours /> : page.value === "devices" ? <Devices /> : page.value === "users" ? <Users /> : <AuditLog />}
    </main>
  );
}

function NotYours(): JSX.Element {
  const m = words.value;
  return <div class="panel empty"><Icon name="lock" size={26} /><strong>{m.notYours}</strong><p>{m.notYoursText}</p></div>;
}
