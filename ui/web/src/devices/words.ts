import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** DevicesCatalogue is every text of the page of devices. */
export type DevicesCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<DevicesCatalogue>({ en, ko });
