import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** BlockedCatalogue is every text of the search among attempts, their groups and the sign-off. */
export type BlockedCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<BlockedCatalogue>({ en, ko });
