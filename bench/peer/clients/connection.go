package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
	// What the server may send before we say that there is room for more; we always say so in time.
	receiveWindow = 1 << 30
	maxFrame      = 16384
	streamID      = 1
	messagePrefix = 5
)

// connection is one gRPC stream on a TCP connection of its own, with as little between the bytes and the caller as
// possible: a thousand of them must not cost more than the server that they measure. One goroutine uses it.
type connection struct {
	conn   net.Conn
	writer *bufio.Writer
	framer *http2.Framer

	// What we may still send, and what waits for it.
	connectionWindow, streamWindow, initialWindow int64
	waiting                                       []byte

	received int
	partial  []byte
}

func dial(address string) (*connection, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &connection{conn: conn, writer: bufio.NewWriterSize(conn, 2048), connectionWindow: 65535, streamWindow: 65535,
		initialWindow: 65535}
	c.framer = http2.NewFramer(c.writer, bufio.NewReaderSize(conn, 8192))
	c.framer.SetMaxReadFrameSize(1 << 24)
	var headers bytes.Buffer
	encoder := hpack.NewEncoder(&headers)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", address},
		{"te", "trailers"}, {"content-type", "application/grpc"}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return nil, err
		}
	}
	if _, err := c.writer.WriteString(http2.ClientPreface); err != nil {
		return nil, err
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: receiveWindow}); err != nil {
		return nil, err
	}
	if err := c.framer.WriteWindowUpdate(0, receiveWindow); err != nil {
		return nil, err
	}
	err = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: streamID, BlockFragment: headers.Bytes(), EndHeaders: true})
	if err != nil {
		return nil, err
	}
	return c, c.writer.Flush()
}

// send queues a message; flush writes what the server has room for.
func (c *connection) send(message []byte) {
	prefix := [messagePrefix]byte{}
	binary.BigEndian.PutUint32(prefix[1:], uint32(len(message)))
	c.waiting = append(append(c.waiting, prefix[:]...), message...)
}

func (c *connection) flush() error {
	for len(c.waiting) > 0 && c.connectionWindow > 0 && c.streamWindow > 0 {
		size := min(int64(len(c.waiting)), c.connectionWindow, c.streamWindow, maxFrame)
		if err := c.framer.WriteData(streamID, false, c.waiting[:size]); err != nil {
			return err
		}
		c.waiting = c.waiting[size:]
		c.connectionWindow -= size
		c.streamWindow -= size
	}
	return c.writer.Flush()
}

// receive returns the next message; it is valid until the next call.
func (c *connection) receive() ([]byte, error) {
	for {
		if message := c.message(); message != nil {
			return message, nil
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return nil, err
		}
		if err := c.take(frame); err != nil {
			return nil, err
		}
	}
}

// message cuts the next whole message off what was received.
func (c *connection) message() []byte {
	if len(c.partial) < messagePrefix {
		return nil
	}
	end := messagePrefix + int(binary.BigEndian.Uint32(c.partial[1:messagePrefix]))
	if len(c.partial) < end {
		return nil
	}
	out := c.partial[messagePrefix:end]
	c.partial = c.partial[end:]
	return out
}

func (c *connection) take(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.DataFrame:
		if f.StreamEnded() {
			return fmt.Errorf("the server ended the stream")
		}
		c.partial = append(c.partial, f.Data()...)
		if c.received += len(f.Data()); c.received > receiveWindow/2 {
			for _, id := range []uint32{0, streamID} {
				if err := c.framer.WriteWindowUpdate(id, uint32(c.received)); err != nil {
					return err
				}
			}
			c.received = 0
			return c.flush()
		}
	case *http2.HeadersFrame:
		if f.StreamEnded() {
			return fmt.Errorf("the server refused the stream")
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.connectionWindow += int64(f.Increment)
		} else {
			c.streamWindow += int64(f.Increment)
		}
		return c.flush()
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if size, ok := f.Value(http2.SettingInitialWindowSize); ok {
			c.streamWindow += int64(size) - c.initialWindow
			c.initialWindow = int64(size)
		}
		if err := c.framer.WriteSettingsAck(); err != nil {
			return err
		}
		return c.flush()
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		if err := c.framer.WritePing(true, f.Data); err != nil {
			return err
		}
		return c.flush()
	case *http2.RSTStreamFrame:
		return fmt.Errorf("the server reset the stream: %v", f.ErrCode)
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server goes away: %v", f.ErrCode)
	}
	return nil
}
