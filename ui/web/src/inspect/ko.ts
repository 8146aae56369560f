// Korean. No string needs a particle after a name that comes from elsewhere.

import type { Finding } from "./inspection";
import type { InspectCatalogue } from "./words";

/** clock turns the recorder's words for an offset around. */
function clock(about: string): string {
  return about.replace(" behind", " 느림").replace(" ahead of", " 빠름");
}

export const ko: InspectCatalogue = {
  title: (device: string): string => `장치가 알린 정보: ${device}`,
  text: "고정된 주소에만 ONVIF로 물은 결과입니다. 모두 장치 스스로의 말이므로 주장일 뿐 증거가 아닙니다. 하루에 한 번 묻고, 응답하지 않은 장치는 더 일찍 다시 묻습니다.",
  asked: (when: string): string => `물어본 때: ${when}`,
  notYet: "아직 묻지 않았습니다.",
  ask: "지금 묻기",
  nothing: "사이트 파일과 어긋나는 것이 없고, 밖으로 나가는 통로도 알리지 않았습니다.",
  facts: "알린 내용",
  differs: "서로 다름",
  untold: (n: number): string => `답하지 않은 질문 ${n}개`,
  source: { "site-file": "사이트 파일", "mac-list": "MAC 제조사" },
  fact: {
    maker: "제조사", model: "모델", firmware: "펌웨어", serial: "일련번호", hardware: "하드웨어", hostname: "이름", interface: "인터페이스", mac: "MAC",
    gateway: "게이트웨이", dns: "이름 서버", ntp: "시간 서버", clock: "시계", serves: "제공", stream: "스트림",
  },
  outcome: {
    refused: ["대부분의 질문에 계정을 요구하며, 사이트 파일의 계정을 받아들이지 않습니다.", "ONVIF 계정을 따로 두는 장치가 많습니다. 같은 이름과 비밀번호로 보기 전용 계정을 만드세요."],
    closed: ["장치는 있지만 ONVIF가 보통 쓰는 포트가 닫혀 있습니다.", "지원하는 장치라면 장치 페이지에서 ONVIF를 켜세요. 처음에는 꺼져 있는 경우가 많습니다."],
    silent: ["제때 응답하지 않았습니다.", "전원, 케이블, 주소를 확인하세요."],
    unreachable: ["장치에 닿을 수 없습니다.", "전원, 케이블, 주소와 격리 화면을 확인하세요."],
    "not-onvif": ["응답하지만 ONVIF가 아닙니다.", "ONVIF가 없거나 꺼져 있을 수 있습니다. 장치 페이지를 확인하세요."],
    foreign: ["묻는 쪽을 다른 호스트로 보냅니다. 그곳에는 아무것도 보내지 않았습니다.", "장치 페이지에서 주소를 바로잡고, 되돌아오면 초기화하세요."],
  },
  finding: (f: Finding): [string, string] => {
    const about = f.about ?? "";
    const other = f.with ?? "";
    const setTo = `장치 페이지에서 다음으로 바꾸세요: ${other}. 그때까지 시도는 차단되거나 녹화기가 응답합니다.`;
    switch (f.code) {
      case "radio": return [`무선이 켜져 있습니다: ${about}${other && `, 망: ${other}`}.`, "유선에서는 보이지 않는 통로입니다. 장치 페이지에서 끄고, 안테나나 SIM 카드를 뺀 뒤 다시 물어보세요. 그럴 수 없으면 장치를 떼어 내세요."];
      case "modem": return [`모뎀이 켜져 있습니다: ${about}.`, "유선에서는 보이지 않는 통로입니다. SIM 카드를 빼고 장치 페이지에서 끈 뒤 다시 물어보세요. 그럴 수 없으면 장치를 떼어 내세요."];
      case "radio-off": return [`꺼져 있는 무선 또는 모뎀이 있습니다: ${about}.`, "켜지 마세요. 가능하면 안테나나 SIM 카드를 빼세요."];
      case "radio-capable": return ["Wi-Fi를 설정할 수 있다고 알렸습니다.", "켜지 마세요. 가능하면 안테나를 빼세요."];
      case "second-interface": return [`켜져 있는 두 번째 네트워크 인터페이스가 있습니다: ${about}.`, "꽂힌 것이 없는지 확인하고 장치 페이지에서 끄세요."];
      case "foreign": return [`응답에서 다른 호스트를 가리킵니다: ${about} (${other}). 그곳에는 연결하지 않았습니다.`, "장치 페이지에서 주소를 바로잡으세요. 되돌아온다면 다른 이를 그곳으로 보내도록 만들어진 장치입니다."];
      case "other-mac": return [`알린 MAC 중에 고정된 MAC이 없습니다. 알린 MAC: ${about}, 고정된 MAC: ${other}.`, "고정된 주소에서 어느 장치가 응답하는지 확인하세요."];
      case "maker": return [`제조사가 다릅니다. 장치: ${about}, 사이트 파일: ${other}.`, "장치를 확인하고 틀린 쪽을 바로잡으세요."];
      case "model": return [`모델이 다릅니다. 장치: ${about}, 사이트 파일: ${other}.`, "장치를 확인하고 틀린 쪽을 바로잡으세요."];
      case "mac-maker": return [`MAC을 배정받은 곳과 제조사가 다릅니다. MAC: ${about}, 제조사: ${other}.`, "다른 회사가 만들어 파는 장치가 많습니다. 중요하다면 실제 제조사를 확인하세요."];
      case "gateway": return [`게이트웨이가 녹화기가 아닙니다: ${about}.`, setTo];
      case "dns": return [`이름 서버가 녹화기가 아닙니다: ${about}.`, setTo];
      case "ntp": return [`시간 서버가 녹화기가 아닙니다: ${about}.`, setTo];
      case "clock": return [`시계가 녹화기와 다릅니다: ${clock(about)}.`, `다음에서 시간을 받게 하세요: ${other}. 그래도 영상에는 녹화기의 시간이 적힙니다.`];
      default: return [f.text, f.fix];
    }
  },
};
