package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // registers the messages of error details
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	stasisv1 "stasis.local/gen/go/stasis/v1"
)

// outcome says how a call ended: with its answers, or with an error.
type outcome struct {
	ok    bool
	value map[string]any
}

type call struct {
	stream  grpc.ClientStream
	request reflect.Type
	first   chan struct{}
	begun   sync.Once
	outcome chan outcome
	cancel  context.CancelFunc
}

var (
	lock        sync.Mutex
	connections = map[string]*grpc.ClientConn{}
	kept        = map[string][]byte{}
)

func connectionTo(target string) (*grpc.ClientConn, error) {
	lock.Lock()
	defer lock.Unlock()
	if made := connections[target]; made != nil {
		return made, nil
	}
	made, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		connections[target] = made
	}
	return made, err
}

// stubMethod returns the method of the generated client with this name.
func stubMethod(connection *grpc.ClientConn, name string) (reflect.Value, error) {
	service, method, _ := strings.Cut(name, "/")
	stubs := map[string]any{
		"SnapshotService":    stasisv1.NewSnapshotServiceClient(connection),
		"GcService":          stasisv1.NewGcServiceClient(connection),
		"SystemService":      stasisv1.NewSystemServiceClient(connection),
		"ReplicationService": stasisv1.NewReplicationServiceClient(connection),
		"RemoteService":      stasisv1.NewRemoteServiceClient(connection),
	}
	found := reflect.ValueOf(stubs[service]).MethodByName(method)
	if !found.IsValid() {
		return found, fmt.Errorf("no method %s", name)
	}
	return found, nil
}

// open starts the call and sends its frames. It half-closes the call unless the step holds it or
// leaves it open.
func open(targets map[string]string, step map[string]any) (*call, error) {
	target := "main"
	if step["at"] != nil {
		target = text(step["at"])
	}
	connection, err := connectionTo(targets[target])
	if err != nil {
		return nil, err
	}
	method, err := stubMethod(connection, text(step["call"]))
	if err != nil {
		return nil, err
	}
	limit := time.Duration(number(step["deadlineMs"], 120_000)) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	headers, _ := step["metadata"].(map[string]any)
	for key, value := range headers {
		ctx = metadata.AppendToOutgoingContext(ctx, key, text(value))
	}
	made := &call{first: make(chan struct{}), outcome: make(chan outcome, 1), cancel: cancel}
	arguments := []reflect.Value{reflect.ValueOf(ctx)}
	// A method of an interface value takes no receiver, so its parameters are (ctx, request,
	// options) or (ctx, options).
	streamsRequests := method.Type().NumIn() == 2
	if !streamsRequests {
		request, err := parse(method.Type().In(1), step["send"])
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, reflect.ValueOf(request))
	}
	if result := method.Type().Out(0); result.Kind() == reflect.Pointer {
		go made.finishUnary(method, arguments)
		return made, nil
	}
	results := method.Call(arguments)
	if err, _ := results[1].Interface().(error); err != nil {
		made.settle(failed(err, map[string]any{}))
		return made, nil
	}
	made.stream = results[0].Interface().(grpc.ClientStream)
	if !streamsRequests {
		go made.readAll(results[0].MethodByName("Recv").Type().Out(0), step)
		return made, nil
	}
	made.request = results[0].MethodByName("Send").Type().In(0)
	made.sendAll(list(step["send"]))
	if step["hold"] == nil && step["open"] == nil {
		made.halfClose()
	}
	made.start()
	go made.readOne(results[0].MethodByName("CloseAndRecv").Type().Out(0))
	return made, nil
}

func (c *call) start() { c.begun.Do(func() { close(c.first) }) }

func (c *call) settle(ended outcome) {
	c.start()
	c.outcome <- ended
}

func (c *call) halfClose() { _ = c.stream.CloseSend() }

func (c *call) finishUnary(method reflect.Value, arguments []reflect.Value) {
	defer c.cancel()
	results := method.Call(arguments)
	if err, _ := results[1].Interface().(error); err != nil {
		c.settle(failed(err, map[string]any{}))
		return
	}
	c.settle(outcome{true, toJSON(results[0].Interface().(proto.Message))})
}

func (c *call) readOne(response reflect.Type) {
	message := newMessage(response)
	if err := c.stream.RecvMsg(message); err != nil {
		c.settle(failed(err, map[string]any{}))
		return
	}
	c.settle(outcome{true, toJSON(message)})
}

// readAll counts and checks the chunks of a stream, and keeps the other messages.
func (c *call) readAll(response reflect.Type, step map[string]any) {
	messages, offsets := []any{}, []any{}
	content := []byte{}
	bytes, sum := 0, uint32(0)
	var file *os.File
	if step["to"] != nil {
		file, _ = os.Create(text(step["to"]))
		defer file.Close()
	}
	value := func() map[string]any {
		if step["keep"] != nil {
			lock.Lock()
			kept[text(step["keep"])] = content
			lock.Unlock()
		}
		intact := false
		if len(messages) > 0 {
			trailer, _ := at(messages[len(messages)-1], "trailer").(map[string]any)
			intact = text(trailer["totalBytes"]) == fmt.Sprint(bytes) &&
				number(trailer["crc32"], 0) == float64(sum)
		}
		return map[string]any{
			"messages": messages, "bytes": fmt.Sprint(bytes), "crc32": float64(sum), "intact": intact,
			"offsets": offsets,
		}
	}
	left := int(number(step["cancelAfter"], 0))
	for {
		message := newMessage(response)
		err := c.stream.RecvMsg(message)
		if err != nil && err.Error() == "EOF" {
			c.settle(outcome{true, value()})
			return
		}
		if err != nil {
			c.settle(failed(err, value()))
			return
		}
		if chunk, ok := chunkOf(message); ok {
			bytes += len(chunk)
			if placed, ok := message.(interface{ GetOffset() int64 }); ok {
				offsets = append(offsets, fmt.Sprint(placed.GetOffset()))
			}
			sum = crc32.Update(sum, crc32.IEEETable, chunk)
			if step["keep"] != nil {
				content = append(content, chunk...)
			}
			if file != nil {
				_, _ = file.Write(chunk)
			}
		} else {
			messages = append(messages, toJSON(message))
		}
		c.start()
		if left--; left == 0 {
			c.cancel()
		}
	}
}

// sendAll sends the frames, and stops when the call has ended. Another function reads the status.
func (c *call) sendAll(frames []any) {
	for _, frame := range frames {
		fields := frame.(map[string]any)
		pieces, isBody := fields["body"]
		if !isBody {
			message, err := parse(c.request, frame)
			if err != nil || c.stream.SendMsg(message) != nil {
				return
			}
			continue
		}
		size := int(number(fields["chunk"], 512*1024))
		for _, piece := range list(pieces) {
			if !c.sendPiece(piece.(map[string]any), size) {
				return
			}
		}
	}
}

func (c *call) sendPiece(piece map[string]any, size int) bool {
	zeros := int(number(piece["zeros"], 0))
	block := make([]byte, min(zeros, size))
	for left := zeros; left > 0; left -= size {
		if !c.sendChunk(block[:min(left, size)]) {
			return false
		}
	}
	content, _ := base64.StdEncoding.DecodeString(text(piece["base64"]))
	if piece["kept"] != nil {
		lock.Lock()
		content = kept[text(piece["kept"])]
		lock.Unlock()
	}
	for from := 0; from < len(content); from += size {
		if !c.sendChunk(content[from:min(from+size, len(content))]) {
			return false
		}
	}
	return true
}

func (c *call) sendChunk(chunk []byte) bool {
	message := newMessage(c.request).ProtoReflect()
	message.Set(chunkField(message), protoreflect.ValueOfBytes(chunk))
	return c.stream.SendMsg(message.Interface()) == nil
}

func chunkField(message protoreflect.Message) protoreflect.FieldDescriptor {
	return message.Descriptor().Fields().ByName("chunk")
}

func chunkOf(message proto.Message) ([]byte, bool) {
	reflected := message.ProtoReflect()
	field := chunkField(reflected)
	if field == nil || !reflected.Has(field) {
		return nil, false
	}
	return reflected.Get(field).Bytes(), true
}

func newMessage(pointer reflect.Type) proto.Message {
	return reflect.New(pointer.Elem()).Interface().(proto.Message)
}

func parse(pointer reflect.Type, value any) (proto.Message, error) {
	if value == nil {
		value = map[string]any{}
	}
	message := newMessage(pointer)
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return message, protojson.Unmarshal(encoded, message)
}

func toJSON(message proto.Message) map[string]any {
	decoded := map[string]any{}
	encoded, err := protojson.Marshal(message)
	if err == nil {
		err = json.Unmarshal(encoded, &decoded)
	}
	if err != nil {
		decoded["unreadable"] = err.Error()
	}
	return decoded
}

// failed returns the error with its decoded details, and the messages that preceded it.
func failed(err error, value map[string]any) outcome {
	found := status.Convert(err)
	details := []any{}
	for _, detail := range found.Proto().GetDetails() {
		decoded := toJSON(detail)
		details = append(details, decoded)
		if strings.HasSuffix(text(decoded["@type"]), "/google.rpc.ErrorInfo") {
			for _, key := range []string{"reason", "domain", "metadata"} {
				value[key] = decoded[key]
			}
		}
	}
	value["code"] = codeName(found.Code())
	value["message"] = found.Message()
	value["details"] = details
	return outcome{false, value}
}

// codeName returns the code as the gRPC specification writes it. grpc-go writes NotFound instead of
// NOT_FOUND.
func codeName(code codes.Code) string {
	if code == codes.Canceled {
		return "CANCELLED"
	}
	name := strings.Builder{}
	for index, letter := range code.String() {
		if index > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return strings.ToUpper(name.String())
}
