import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** PeopleCatalogue is every text of signing in and of proving who one is. */
export type PeopleCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<PeopleCatalogue>({ en, ko });
