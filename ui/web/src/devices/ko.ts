// Korean. No string needs a particle after a name that comes from elsewhere.

import type { Meaning } from "./sightings";
import type { DevicesCatalogue } from "./words";

export const ko: DevicesCatalogue = {
  devices: "장치",
  counts: (pinned: number, strangers: number): string => `고정 ${pinned}대 · 미고정 ${strangers}대`,
  demoText: "데모에는 사이트 파일과 계정이 없습니다. 고정할 수 있는 장치만 보여 줍니다.",

  strangers: "미고정 장치",
  strangersText: "카메라망에서 발견된 장치입니다. 보내는 것은 모두 막힙니다. 이곳의 장치라면 고정하세요.",
  strangersNone: "카메라망에서 발견된 장치가 모두 고정되어 있습니다.",
  noMakers: "제조사를 알 수 없습니다. 녹화기에 목록이 설치되어 있지 않습니다(Debian: ieee-data).",
  unlisted: (port: string, n: string): string => `포트 ${port}: 목록에 다 담을 수 없습니다. MAC이 계속 바뀌는 프레임 ${n}개. 누군가 대량으로 보내고 있으니 연결된 장치를 분리하세요.`,
  choose: (name: string): string => `선택: ${name}`,
  chooseAll: "따로 결정할 것이 없는 장치 모두 선택",
  pin: (n: number): string => (n === 0 ? "고정…" : `${n}대 고정…`),
  colDevice: "장치",
  colAddress: "주소",
  colMaker: "MAC 제조사",
  colPort: "포트",
  colFirst: "처음 발견",
  colTried: "시도한 곳",
  colCameras: "카메라",
  colBlocked: "차단",
  colSeen: "마지막 발견",
  actions: "작업",
  makerUnknown: "알 수 없음",
  madeUp: "임의 MAC",
  madeUpTitle: "장치가 스스로 정한 MAC이라 제조사를 알 수 없습니다.",
  claim: "이 MAC을 배정받은 곳입니다. 장치는 MAC을 마음대로 바꿀 수 있으므로 주장일 뿐 증거가 아닙니다.",
  portUnknown: "아직 모름",
  lastSeen: (when: string): string => `마지막 ${when}`,
  tells: "장치가 DHCP에 스스로 알린 내용입니다. 정체의 증거는 아닙니다.",
  asksFor: (codes: string): string => `장치가 요청하는 DHCP 옵션(순서대로): ${codes}`,
  clientID: (hex: string): string => `DHCP 클라이언트 식별자: ${hex}`,
  triedNothing: "아직 없음",
  times: (n: string): string => `${n}회`,
  andMore: (n: number): string => `외 ${n}곳`,
  noAddress: "알리지 않음",
  via: { arp: "이 주소로 응답함", ip: "이 주소로 보냄", dhcp: "이 주소를 요청함" },
  means: (m: Meaning): string => {
    switch (m.code) {
      case "moved": return `고정된 장치의 MAC인데 주소가 다릅니다. 장치: ${m.device}, 주소: ${m.ip}. 맞다면 사이트 파일의 ip를 바꾸세요.`;
      case "takes-address": return `다른 장치에 고정된 주소입니다. 주소: ${m.ip}, 장치: ${m.device} (${m.mac}). 중복 사용이거나 위조입니다.`;
      case "shared-address": return `같은 주소를 쓰는 장치가 또 있습니다. 주소: ${m.ip}, MAC: ${m.mac}. 어느 쪽이 맞는지 확인하세요.`;
      case "many-addresses": return "주소를 여러 개 씁니다. 고정할 때 하나를 고르세요.";
      case "outside": return `카메라망에 속하지 않는 주소입니다: ${m.ip}. camera_network.addresses에 그 망을 추가하거나 장치의 주소를 바꾸세요.`;
      case "ours": return `녹화기의 주소를 쓰려고 합니다: ${m.ip}.`;
      case "no-address": return "주소를 알린 적이 없습니다. 고정할 때 입력하세요.";
      default: return m.code;
    }
  },

  pinned: "고정된 장치",
  pinnedText: "사이트 파일에 적힌 MAC과 주소의 짝입니다. 둘 중 하나만 쓰는 것은 모두 막힙니다.",
  search: "검색: ID, 주소, MAC, 제조사, 카메라…",
  noneFound: "검색에 맞는 장치가 없습니다.",
  noDevices: "아직 고정된 장치가 없습니다.",
  noCamera: "카메라 없음",
  nothingBlocked: "없음",
  never: "아직 없음",
  declared: "신고된 제품",

  pinTitle: (n: number): string => `장치 ${n}대 고정`,
  pinText: "사이트 파일에 추가되고 바로 적용됩니다. 고정된 장치는 녹화기에 응답할 수 있을 뿐, 그 밖에는 아무것도 할 수 없습니다.",
  idLabel: "ID",
  idHint: "영문 소문자, 숫자, 하이픈. 카메라가 이 ID를 가리킵니다.",
  ipLabel: "주소",
  ipChoose: "여러 주소가 발견되었습니다. 맞는 것을 고르세요.",
  ipNone: "발견된 주소가 없습니다. 입력하세요.",
  bind: (port: string): string => `포트에 묶기: ${port}`,
  bindHint: "이 포트에 다른 장치가 없을 때만 쓰세요. 다른 장치는 모두 막힙니다.",
  bound: "포트 고정",
  boundTo: (port: string): string => `고정 포트: ${port}`,
  boundTitle: "이 포트에서만 받아들이며, 이 포트의 다른 장치는 모두 막힙니다.",
  pinGo: (n: number): string => `${n}대 고정`,
  done: "확인",
  pinnedNow: (n: number): string => `장치 ${n}대를 고정했습니다.`,
  unpinnedNow: (id: string): string => `고정을 풀었습니다: ${id}`,
  notInForce: "사이트 파일은 바뀌었지만 아직 적용되지 않았습니다:",

  unpin: "고정 해제",
  unpinText: (id: string): string => `사이트 파일에서 바로 빠지며, 보내는 것은 미고정 장치의 것으로 막힙니다. 장치: ${id}`,
  unpinUsed: "카메라가 쓰는 장치입니다. 먼저 사이트 파일에서 카메라를 빼세요.",
};
