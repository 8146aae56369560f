package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// userKeeper keeps accounts as somebody on the box.
type userKeeper interface {
	list(ctx context.Context) ([]auth.User, error)
	add(ctx context.Context, n auth.NewUser) (code string, err error)
	reset(ctx context.Context, name string) (code string, err error)
	disable(ctx context.Context, name string) error
	remove(ctx context.Context, name string) error
}

// named finds a user by name.
func named(ctx context.Context, u userKeeper, name string) (auth.User, error) {
	users, err := u.list(ctx)
	if err != nil {
		return auth.User{}, err
	}
	for _, user := range users {
		if user.Name == name {
			return user, nil
		}
	}
	return auth.User{}, fmt.Errorf("there is no user %q: nvr user list shows them", name)
}

// disabled is what a user is changed to.
func disabled(u auth.User) auth.NewUser {
	return auth.NewUser{Name: u.Name, Display: u.Display, Grant: u.Grant, Language: u.Language, Disabled: true}
}

// storedUsers works on the database.
type storedUsers struct {
	accounts *auth.Accounts
	as       auth.Principal
}

func (s storedUsers) list(context.Context) ([]auth.User, error) { return s.accounts.Users(s.as) }

func (s storedUsers) add(_ context.Context, n auth.NewUser) (string, error) {
	_, code, err := s.accounts.AddUser(s.as, n)
	return code, err
}

func (s storedUsers) reset(_ context.Context, name string) (string, error) {
	return s.accounts.RecoverUser(s.as, name)
}

func (s storedUsers) disable(ctx context.Context, name string) error {
	u, err := named(ctx, s, name)
	if err == nil {
		_, err = s.accounts.ChangeUser(s.as, u.ID, disabled(u))
	}
	return err
}

func (s storedUsers) remove(ctx context.Context, name string) error {
	u, err := named(ctx, s, name)
	if err == nil {
		err = s.accounts.RemoveUser(s.as, u.ID)
	}
	return err
}

// askedUsers asks the daemon.
type askedUsers struct{ api *client }

func (a askedUsers) list(ctx context.Context) ([]auth.User, error) {
	var told struct{ Users []auth.User }
	err := a.api.call(ctx, http.MethodGet, "users", nil, &told)
	return told.Users, err
}

func (a askedUsers) add(ctx context.Context, n auth.NewUser) (string, error) {
	var told struct{ Code string }
	err := a.api.call(ctx, http.MethodPost, "users", n, &told)
	return told.Code, err
}

func (a askedUsers) reset(ctx context.Context, name string) (string, error) {
	u, err := named(ctx, a, name)
	if err != nil {
		return "", err
	}
	var told struct{ Code string }
	err = a.api.call(ctx, http.MethodPost, "users/"+u.ID+"/reset", struct{}{}, &told)
	return told.Code, err
}

func (a askedUsers) disable(ctx context.Context, name string) error {
	u, err := named(ctx, a, name)
	if err != nil {
		return err
	}
	return a.api.call(ctx, http.MethodPut, "users/"+u.ID, disabled(u), nil)
}

func (a askedUsers) remove(ctx context.Context, name string) error {
	u, err := named(ctx, a, name)
	if err != nil {
		return err
	}
	return a.api.call(ctx, http.MethodDelete, "users/"+u.ID, nil, nil)
}
