import { inLanguage } from "../i18n";

// The few words that stand in the table of devices; the rest comes with the drawer.

const en = {
  notAsked: "not asked yet",
  findings: (n: number): string => (n === 1 ? "1 finding" : `${n} findings`),
  outcome: {
    answered: "nothing found", refused: "account refused", closed: "no ONVIF", silent: "no answer", unreachable: "not reached",
    "not-onvif": "no ONVIF", foreign: "sends elsewhere",
  } as Record<string, string>,
};

const ko: typeof en = {
  notAsked: "아직 묻지 않음",
  findings: (n: number): string => `발견 ${n}건`,
  outcome: {
    answered: "이상 없음", refused: "계정 거부", closed: "ONVIF 없음", silent: "응답 없음", unreachable: "닿지 않음",
    "not-onvif": "ONVIF 없음", foreign: "다른 곳으로 보냄",
  },
};

/** short is the catalogue in force. */
export const short = inLanguage<typeof en>({ en, ko });
