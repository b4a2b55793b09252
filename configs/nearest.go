package configs

import "strings"

// Nearest returns the candidate that is most like the word: the fewest single
// letters to insert, delete, replace or swap with their neighbour (the optimal
// string alignment distance), without regard to case. Among equals the first
// wins. A candidate whose last dotted part is the word itself comes before all
// others. It returns "" without candidates.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, least := "", -1
	for _, c := range candidates {
		lower := strings.ToLower(c)
		d := distance(word, lower)
		if strings.HasSuffix(lower, "."+word) {
			d = 0
		}
		if least < 0 || d < least {
			best, least = c, d
		}
	}
	return best
}

// maxCompared bounds the letters that are compared, and with them the time.
const maxCompared = 128

// distance is the optimal string alignment distance (Boytsov 2011, "Indexing
// methods for approximate dictionary searching", section 2) of two words'
// first maxCompared bytes, by rows of the usual dynamic programme.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxCompared)], b[:min(len(b), maxCompared)]
	before := make([]int, len(b)+1) // the row before the last
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
