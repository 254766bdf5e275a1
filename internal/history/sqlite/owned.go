package sqlite

import (
	"context"
	"fmt"
)

// LoadOwned gives all that was saved for the cluster.
func (s *Store) LoadOwned(ctx context.Context, cluster string) (map[string][]byte, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT key, value FROM owned WHERE cluster = ?", cluster)
	if err != nil {
		return nil, fmt.Errorf("reading fingerprints: %w", classify(err))
	}
	defer func() { _ = rows.Close() }()
	set := map[string][]byte{}
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return nil, fmt.Errorf("reading fingerprints: %w", classify(err))
		}
		set[key] = append([]byte{}, value...) // the driver gives nil for an empty blob, which would mean deletion
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading fingerprints: %w", classify(err))
	}
	return set, nil
}

// SaveOwned writes the entries of set over what is there, all or none of them; a nil value deletes.
func (s *Store) SaveOwned(ctx context.Context, cluster string, set map[string][]byte) error {
	if len(set) == 0 {
		return nil
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("writing fingerprints: %w", classify(err))
	}
	defer func() { _ = tx.Rollback() }()
	put, err := tx.PrepareContext(ctx, "INSERT INTO owned VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
	if err != nil {
		return fmt.Errorf("writing fingerprints: %w", classify(err))
	}
	defer func() { _ = put.Close() }()
	for key, value := range set {
		if value == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM owned WHERE cluster = ? AND key = ?", cluster, key)
		} else {
			_, err = put.ExecContext(ctx, cluster, key, value)
		}
		if err != nil {
			return fmt.Errorf("writing fingerprints: %w", classify(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing fingerprints: %w", classify(err))
	}
	return nil
}
