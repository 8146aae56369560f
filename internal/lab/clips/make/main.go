package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"

	"github.com/stockade-nvr/stockade/internal/lab/clips/paint"
)

const loopSeconds = 8 // four GOPs of 2 s; 125 AAC frames at 16 kHz

func main() {
	for _, s := range paint.Scenes() {
		mainArgs := x264("1100k", "1400k", 30)
		ext := "h264"
		if s.Name == "dock" {
			mainArgs, ext = x265("650k", "900k", 30), "h265"
		}
		check(video(s, s.Name+"-main."+ext, 15, 1, mainArgs))
		check(video(s, s.Name+"-sub.h264", 10, 2, x264("260k", "330k", 20)))
	}
	check(audio("hum.aac"))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// x264 and x265 encode as cameras do: no B-frames, one slice, closed GOPs,
// capped bit rate, with delimiters that let a reader find the access units.
func x264(rate, peak string, gop int) []string {
	return []string{
		"-c:v", "libx264", "-preset", "slow", "-profile:v", "main", "-bf", "0", "-g", strconv.Itoa(gop), "-keyint_min", strconv.Itoa(gop), "-sc_threshold", "0",
		"-b:v", rate, "-maxrate", peak, "-bufsize", peak, "-x264-params", "slices=1:sliced-threads=0:aud=1", "-bsf:v", "filter_units=remove_types=6", "-f", "h264",
	}
}

func x265(rate, peak string, gop int) []string {
	k := strconv.Itoa(gop)
	return []string{
		"-c:v", "libx265", "-preset", "medium", "-b:v", rate, "-x265-params",
		"bframes=0:keyint=" + k + ":min-keyint=" + k + ":scenecut=0:open-gop=0:slices=1:aud=1:info=0:repeat-headers=1:log-level=none:vbv-maxrate=" +
			peak[:len(peak)-1] + ":vbv-bufsize=" + peak[:len(peak)-1], "-f", "hevc",
	}
}

// video paints a scene and encodes it, at 1280 by 720 divided by shrink.
func video(s paint.Scene, file string, fps, shrink int, encode []string) error {
	frames := fps * loopSeconds
	args := []string{
		"-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", paint.Width*paint.Scale, paint.Height*paint.Scale),
		"-r", strconv.Itoa(fps), "-i", "-",
		"-vf", fmt.Sprintf("scale=%d:%d:flags=area,noise=alls=3:allf=t", paint.Width/shrink, paint.Height/shrink), "-pix_fmt", "yuv420p",
	}
	return pipe(append(append(args, encode...), file), func(w io.Writer) error {
		p := paint.NewPainter(s, fps, frames)
		for n := range frames {
			if _, err := w.Write(p.Frame(n).Pix); err != nil {
				return fmt.Errorf("frame %d of %s: %w", n, file, err)
			}
		}
		return nil
	})
}

// audio makes a hum with a soft tick each second.
func audio(file string) error {
	const rate = 16000
	args := []string{"-v", "error", "-y", "-f", "s16le", "-ar", strconv.Itoa(rate), "-ac", "1", "-i", "-", "-c:a", "aac", "-b:a", "32k", "-f", "adts", file}
	return pipe(args, func(w io.Writer) error {
		pcm := make([]byte, 0, 2*rate*loopSeconds)
		for i := range rate * loopSeconds {
			t := float64(i) / rate
			v := 0.05*math.Sin(2*math.Pi*100*t) + 0.03*math.Sin(2*math.Pi*150*t) + 0.02*math.Sin(2*math.Pi*200*t)
			v += 0.25 * math.Exp(-40*math.Mod(t, 1)) * math.Sin(2*math.Pi*880*t)
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(v*32767)))
		}
		_, err := w.Write(pcm)
		return err
	})
}

// pipe runs ffmpeg with what feed writes.
func pipe(args []string, feed func(io.Writer) error) error {
	c := exec.Command("ffmpeg", args...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	feedErr := feed(in)
	in.Close()
	if err := c.Wait(); err != nil {
		return fmt.Errorf("ffmpeg: %w", err)
	}
	return feedErr
}
