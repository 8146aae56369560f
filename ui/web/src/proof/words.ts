import { inLanguage } from "../i18n";
import { en } from "./en";
import { ko } from "./ko";

/** ProofCatalogue is every text of the canary's rounds. */
export type ProofCatalogue = typeof en;

/** words is the catalogue in force. */
export const words = inLanguage<ProofCatalogue>({ en, ko });
