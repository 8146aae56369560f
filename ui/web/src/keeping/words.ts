import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** KeepingCatalogue is every text of holds and of deletion by hand. */
export type KeepingCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<KeepingCatalogue>({ en, ko });
