// Package sysmem tells how much memory this process may use: the machine's,
// or less where a Linux control group limits it.
package sysmem

// Limit returns the bytes of memory that the process can have: the smaller of
// the machine's memory and the limits of the control groups that it is in.
// It returns 0 if neither can be learned.
func Limit() int64 {
	total, group := machine(), controlGroup()
	if total == 0 || group > 0 && group < total {
		return group
	}
	return total
}
