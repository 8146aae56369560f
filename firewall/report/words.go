package report

// The languages that a page can be in.
const (
	English = "en"
	Korean  = "ko"
)

// words are the texts of a page, by language and key. States, reasons and outcomes
// are found by what the report calls them.
func words(language string) map[string]string {
	if language == Korean {
		return korean()
	}
	return english()
}

func english() map[string]string {
	return map[string]string{
		"lang": English, "title": "Report of a period", "site": "Site", "period": "Period", "made": "Made", "key": "Signed with key",
		"check":  "This page carries what was signed. Check it, away from the recorder, with: nvr report verify FILE --key site.pub",
		"proved": "What was proved", "tried": "Who tried to reach what", "time": "Time", "share": "Share", "state": "State", "proofs": "Proofs",
		"now": "When the report was made", "since": "since", "why": "Why", "from": "From", "to": "To",
		"canary": "Last round of the canary", "nocanary": "The canary made no round: nothing was proved on the live path.", "paths": "paths tried", "held": "stopped where they should be",
		"rounds": "Proved without a break since", "changes": "What others changed, and what became of it", "nochanges": "Nobody else changed the rules.",
		"disarms": "Disarmed", "alarms": "Alarms", "account": "Packets dropped since the recorder was started", "read": "read from the log", "lost": "lost by the log",
		"unread": "dropped while nobody read the log", "suppressed": "counted, too many to be logged", "ofcanary": "of those read, the canary's own",
		"findings": "About the network around", "unseen-title": "What no box can see", "device": "Device", "cameras": "Cameras", "nobody": "Devices that are not pinned",
		"packets": "Packets", "first": "First", "last": "Last", "destination": "Destination", "name": "Name asked for", "reason": "Reason", "source": "Source",
		"none": "No device tried anything in this period.", "rest": "and more like it", "incomplete": "There were more attempts than a report lists; the latest are here.",
		"whole":     "An attempt that began before the period or went on after it is here with all of its packets.",
		"contained": "Contained: enforced, and proved each minute", "enforced": "Enforced, not proved", "degraded": "Degraded: a layer was missing, others held",
		"observing": "Observing: nothing was dropped", "not-enforced": "NOT ENFORCED", "disarmed": "DISARMED", "unseen": "Not known: nobody looked",
		"egress": "to the outside", "lateral": "to another device", "spoof": "forged address", "unknown-device": "device not pinned", "input": "to the recorder",
		"output": "towards cameras", "chatter": "to everybody", "redirected": "answered here in its place", "stands": "stands", "repaired": "repaired", "gone": "gone",
		"stopped": "stopped", "other-layer": "held by another layer", "leaked": "LEAKED", "unseen-path": "nothing came out, and nothing said why",
	}
}

func korean() map[string]string {
	return map[string]string{
		"lang": Korean, "title": "기간 보고서", "site": "사이트", "period": "기간", "made": "작성 시각", "key": "서명 키",
		"check":  "이 페이지에는 서명된 내용이 들어 있습니다. 녹화기 밖에서 다음 명령으로 확인하십시오: nvr report verify FILE --key site.pub",
		"proved": "입증된 사실", "tried": "누가 무엇에 연결하려 했는가", "time": "시간", "share": "비율", "state": "상태", "proofs": "입증 횟수",
		"now": "보고서 작성 시점", "since": "시작", "why": "사유", "from": "시작", "to": "끝",
		"canary": "카나리아의 마지막 점검", "nocanary": "카나리아 점검이 없었습니다. 실제 경로에서 입증된 것이 없습니다.", "paths": "시도한 경로", "held": "제자리에서 차단됨",
		"rounds": "끊김 없이 입증된 시작 시각", "changes": "외부에서 바꾼 것과 그 결과", "nochanges": "규칙을 바꾼 외부 변경이 없었습니다.",
		"disarms": "격리 해제", "alarms": "경보", "account": "녹화기 시작 이후 차단된 패킷", "read": "기록에서 읽음", "lost": "기록에서 유실",
		"unread": "기록을 읽지 않는 동안 차단", "suppressed": "너무 많아 집계만 함", "ofcanary": "읽은 것 중 카나리아",
		"findings": "주변 네트워크", "unseen-title": "어떤 장비도 볼 수 없는 것", "device": "장치", "cameras": "카메라", "nobody": "고정되지 않은 장치",
		"packets": "패킷", "first": "처음", "last": "마지막", "destination": "목적지", "name": "조회한 이름", "reason": "사유", "source": "출발지",
		"none": "이 기간에 시도한 장치가 없습니다.", "rest": "외 다수", "incomplete": "보고서에 담을 수 있는 것보다 많아 최근 시도만 있습니다.",
		"whole":     "기간 전에 시작했거나 기간 뒤까지 이어진 시도는 전체 패킷 수로 표시됩니다.",
		"contained": "격리됨: 시행 중이며 매분 입증됨", "enforced": "시행 중, 입증되지 않음", "degraded": "약화: 일부 계층이 없었으나 다른 계층이 막음",
		"observing": "관찰만: 차단하지 않음", "not-enforced": "시행되지 않음", "disarmed": "격리 해제됨", "unseen": "알 수 없음: 확인한 적 없음",
		"egress": "외부로", "lateral": "다른 장치로", "spoof": "위조된 주소", "unknown-device": "고정되지 않은 장치", "input": "녹화기로",
		"output": "카메라 쪽으로", "chatter": "모두에게", "redirected": "여기서 대신 응답", "stands": "남아 있음", "repaired": "복구됨", "gone": "사라짐",
		"stopped": "차단됨", "other-layer": "다른 계층이 막음", "leaked": "유출", "unseen-path": "나온 것도 기록도 없음",
	}
}
