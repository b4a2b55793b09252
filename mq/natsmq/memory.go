package natsmq

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// JetStream reads blocks into pooled buffers of 8 MiB that finalizers give
// back, so that each looks alive to the garbage collector once more than it
// is, and the heap doubles with every cycle: reading a log takes as much
// memory as the log is long. Collecting after each heapStep bytes keeps it to
// a small multiple of that.
const heapStep = 32 << 20

const heapInterval = 5 * time.Millisecond

// boundHeap runs a function that reads many blocks.
func boundHeap(f func()) {
	before := heapBytes()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(heapInterval)
		defer ticker.Stop()
		for last := before; ; {
			select {
			case <-done:
				return
			case <-ticker.C:
				if heapBytes() > last+heapStep {
					runtime.GC()
					last = heapBytes()
				}
			}
		}
	})
	f()
	close(done)
	wg.Wait()
	if heapBytes() > before+heapStep {
		runtime.GC() // empties the pools' first half
		debug.FreeOSMemory()
	}
}

// heapBytes returns the bytes of objects on the heap, dead ones included.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
