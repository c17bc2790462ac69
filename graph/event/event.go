package event

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Kind is what happened.
type Kind uint8

const (
	// Gap says that events were lost. The zero Event is one, so that what cannot be read is not passed over.
	Gap Kind = iota
	// Created, Updated and Deleted are about the row ID of Type.
	Created
	Updated
	Deleted
	// Standing says that what the person ID allows has changed: consents, objections, restriction. It concerns every row that is
	// about them.
	Standing
	// Many says that more rows of Type changed than are worth naming, or ones that nobody can name.
	Many
)

// Event is one change that was committed.
type Event struct {
	Kind Kind      `json:"k"`
	Type string    `json:"t,omitempty"` // of the schema; empty for Standing and Gap
	ID   uuid.UUID `json:"i"`
	At   time.Time `json:"at"`
}

// Encode renders the events of one commit for a bus.
func Encode(events []Event) ([]byte, error) { return json.Marshal(events) }

// errMalformed says nothing of what it found: it came from outside.
var errMalformed = errors.New("this is no list of events")

// Decode reads what Encode made. What it cannot read is an error, and whoever gets one has missed something.
func Decode(data []byte) ([]Event, error) {
	var events []Event
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, errMalformed
	}
	for _, e := range events {
		if e.Kind > Many {
			return nil, errMalformed
		}
	}
	return events, nil
}
