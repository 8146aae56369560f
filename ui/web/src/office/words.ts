import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** OfficeCatalogue is every text of the pages of users, account and audit. */
export type OfficeCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<OfficeCatalogue>({ en, ko });
