package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// method is what is known of one RPC of the service.
type method struct {
	name    string
	answer  protoreflect.MessageType
	status  protoreflect.FieldDescriptor // of answer; nil: answer is a Status itself
	metrics methodMetrics
}

const statusName = "milvus.proto.common.Status"

// serviceMethods describes the unary methods of the service, by full name.
func serviceMethods(m *metrics) map[string]*method {
	out := make(map[string]*method)
	service := milvuspb.File_milvus_proto.Services().ByName("MilvusService")
	for i := range service.Methods().Len() {
		d := service.Methods().Get(i)
		if d.IsStreamingClient() || d.IsStreamingServer() {
			continue
		}
		answer, err := protoregistry.GlobalTypes.FindMessageByName(d.Output().FullName())
		if err != nil {
			continue
		}
		one := &method{name: string(d.Name()), answer: answer, metrics: m.method(string(d.Name()))}
		if d.Output().FullName() != statusName {
			if one.status = statusField(d.Output()); one.status == nil {
				continue
			}
		}
		out["/"+string(service.FullName())+"/"+one.name] = one
	}
	return out
}

// statusField returns the field of a response that says how the call went, nil
// if there is none.
func statusField(answer protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	if f := answer.Fields().ByName("status"); f != nil {
		return f
	}
	return answer.Fields().ByName("alter_status")
}

// fail returns the method's response that tells of an error.
func (m *method) fail(err error) proto.Message {
	st := merr.Status(err)
	if m.status == nil {
		return st
	}
	answer := m.answer.New()
	answer.Set(m.status, protoreflect.ValueOfMessage(st.ProtoReflect()))
	return answer.Interface()
}

// statusOf returns the status in a response, nil if it has none.
func statusOf(resp any) *commonpb.Status {
	switch r := resp.(type) {
	case *commonpb.Status:
		return r
	case interface{ GetStatus() *commonpb.Status }:
		return r.GetStatus()
	case *milvuspb.AlterCollectionSchemaResponse:
		return r.GetAlterStatus()
	}
	return nil
}

// success is the status of a response that holds an answer.
func success() *commonpb.Status { return &commonpb.Status{} }

// dbOf returns the database of a request: its own, else the connection's.
func dbOf(ctx context.Context, r interface{ GetDbName() string }) string {
	if name := r.GetDbName(); name != "" {
		return name
	}
	if names := metadata.ValueFromIncomingContext(ctx, "dbname"); len(names) > 0 && names[0] != "" {
		return names[0]
	}
	return schema.DefaultDatabase
}

// refuseUnknown refuses fields that this version's protocol does not have: a
// newer client asks for something that would be ignored.
func refuseUnknown(req proto.Message) error {
	raw := req.ProtoReflect().GetUnknown()
	if len(raw) == 0 {
		return nil
	}
	number, n := consumeTag(raw)
	if n < 0 {
		return nil
	}
	return merr.NotSupported("field number %d of %s", number, req.ProtoReflect().Descriptor().Name())
}
