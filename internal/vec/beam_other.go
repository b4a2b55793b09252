//go:build !amd64 || purego || race

package vec

func (k Kernels) beam(b *Beam, met []uint32) []uint32 { return k.beamInGo(b, met) }
