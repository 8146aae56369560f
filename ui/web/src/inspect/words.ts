import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** InspectCatalogue is every text about what devices say of themselves. */
export type InspectCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<InspectCatalogue>({ en, ko });
