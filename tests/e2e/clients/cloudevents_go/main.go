// Sends events with the CloudEvents SDK for Go: a line of JSON on standard input is a request, a line of JSON on standard
// output what it was answered (tests/e2e/harness/event_clients.py says what is in them).
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/client"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
)

type written struct {
	Attributes map[string]any  `json:"attributes"`
	JSON       json.RawMessage `json:"json"`
	Text       *string         `json:"text"`
	Base64     *string         `json:"base64"`
}

type request struct {
	URL     string    `json:"url"`
	Mode    string    `json:"mode"`
	Checked bool      `json:"checked"`
	Events  []written `json:"events"`
}

type answer struct {
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	Error  string `json:"error,omitempty"`
}

func set(made *event.Event, attributes map[string]any) error {
	texts := map[string]func(string){
		"id": made.SetID, "source": made.SetSource, "type": made.SetType, "subject": made.SetSubject,
		"dataschema": made.SetDataSchema,
	}
	for name, value := range attributes {
		if setText, known := texts[name]; known {
			setText(value.(string))
			continue
		}
		switch name {
		case "time":
			at, err := types.ParseTime(value.(string))
			if err != nil {
				return err
			}
			made.SetTime(at)
		case "datacontenttype": // with the data
		default:
			if number, ok := value.(float64); ok {
				value = int32(number)
			}
			made.SetExtension(name, value)
		}
	}
	return nil
}

func eventOf(from written) (event.Event, error) {
	made := event.New()
	if err := set(&made, from.Attributes); err != nil {
		return made, err
	}
	kind, _ := from.Attributes["datacontenttype"].(string)
	switch {
	case from.Base64 != nil:
		data, err := base64.StdEncoding.DecodeString(*from.Base64)
		if err != nil {
			return made, err
		}
		return made, made.SetData(kind, data)
	case from.Text != nil:
		return made, made.SetData(kind, *from.Text)
	case from.JSON != nil:
		return made, made.SetData(kind, from.JSON)
	}
	return made, nil
}

func answerOf(result error) answer {
	var status *cehttp.Result
	if !protocol.ResultAs(result, &status) {
		return answer{Error: fmt.Sprint(result)}
	}
	if protocol.IsACK(result) {
		return answer{Status: status.StatusCode} // the SDK does not keep the body
	}
	return answer{Status: status.StatusCode, Body: result.Error()}
}

func sendBatch(url string, events []event.Event) answer {
	out, err := cehttp.NewHTTPRequestFromEvents(context.Background(), url, events)
	if err != nil {
		return answer{Error: err.Error()}
	}
	response, err := http.DefaultClient.Do(out)
	if err != nil {
		return answer{Error: err.Error()}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: response.StatusCode, Body: string(body)}
}

func send(from request) answer {
	events := make([]event.Event, 0, len(from.Events))
	for _, one := range from.Events {
		made, err := eventOf(one)
		if err != nil {
			return answer{Error: err.Error()}
		}
		events = append(events, made)
	}
	if from.Mode == "batched" {
		return sendBatch(from.URL, events)
	}
	ctx := binding.WithForceBinary(context.Background())
	if from.Mode == "structured" {
		ctx = binding.WithForceStructured(context.Background())
	}
	transport, err := cehttp.New(cehttp.WithTarget(from.URL))
	if err != nil {
		return answer{Error: err.Error()}
	}
	if !from.Checked {
		// A client refuses what is no event; what it sends with does not look.
		return answerOf(transport.Send(ctx, binding.ToMessage(&events[0])))
	}
	sender, err := client.New(transport)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answerOf(sender.Send(ctx, events[0]))
}

func main() {
	in := json.NewDecoder(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		var from request
		if err := in.Decode(&from); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(send(from)); err != nil {
			os.Exit(1)
		}
	}
}
