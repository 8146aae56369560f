import type { BlockedCatalogue } from "./words";

/** The Korean texts of the search among attempts. */
export const ko: BlockedCatalogue = {
  filter: "필터: camera:gate host:*.example -port:123 is:new since:24h",
  filterHelp:
    "칸을 누르면 그 값만, Alt와 함께 누르면 그 값을 빼고 봅니다. 단어는 어디서든 찾고, -단어는 제외합니다. 항목: camera, device, host, address, port, protocol, country, source, mac, reason, layer, rule, is, since, until. is: new, odd, beacon, scan, many, names, changed.",
  searched: (when) => `${when}까지 찾았습니다. 더 이전 것을 요청하면 이어서 찾습니다.`,
  folded: (n) => `${n}건 합침`,
  manySources: "여러 출발지",
  tag: {
    new: "이 장치가 전에 시도한 적이 없는 목적지입니다",
    odd: "제조사와 모델이 같은 어떤 장치도 시도한 적이 없는 목적지입니다",
    beacon: "일정한 간격으로 호출합니다: 주기와 그 편차",
    scan: "한 출발지가 계속 새로운 목적지를 시도했습니다. 여기에 합쳐 셉니다",
    many: "지어낸 출발지가 계속 바뀝니다. 여기에 합쳐 셉니다",
    names: "장치가 계속 새로운 이름을 묻습니다. 몫을 넘은 이름은 한 주소를 씁니다",
    changed: "한 시간 동안의 시도가 이 시도의 과거보다 훨씬 많습니다",
  },
  when: "패킷이 온 시간",
  timesFrom: (from, n) => `${from}부터 ${n}개 구간`,
  earlier: (n) => `그 이전 ${n}건`,
  list: "목록",
  by: { camera: "카메라별", destination: "목적지별", reason: "사유별" },
  grouping: "보기",
  colAttempts: "시도",
  colCountry: "국가",
  none: "없음",
  rest: "나머지 모두",
  groupsPart: (when) => `${when}까지 세었습니다.`,
  goOn: "이어서 세기",
  review: "여기까지 검토함",
  reviewTitle: "표시된 가장 최근 시도까지 모두 보았음을 서명합니다. 감사 기록에 남습니다.",
  unreviewed: (n) => `마지막 검토 이후 새 시도 ${n}건`,
  neverReviewed: (n) => `아직 검토하지 않은 시도 ${n}건`,
  allReviewed: "모두 검토했습니다",
  lastReview: (who, when) => `${who} 님이 ${when}까지 검토`,
};
