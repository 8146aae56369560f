package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stockade-nvr/stockade/configs"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// newUserCommand makes the verbs that keep accounts on the box: through the
// daemon, or in the database while nothing runs. They are the only way back in
// when nobody can sign in.
func newUserCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "user", Short: "List, add, reset, disable and remove users, on the box"})
	var config string
	c.PersistentFlags().StringVar(&config, "config", defaultConfig, "the site file")
	with := func(run func(c *cobra.Command, u userKeeper, args []string) error) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, args []string) error {
			site, err := loadSite(config)
			if err != nil {
				return err
			}
			u, done, err := keepUsers(c.Context(), site)
			if err != nil {
				return err
			}
			return errors.Join(run(c, u, args), done())
		}
	}
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List users", Args: cobra.NoArgs,
		RunE: with(func(c *cobra.Command, u userKeeper, _ []string) error {
			return listUsers(c.Context(), c.OutOrStdout(), u, asJSON)
		}),
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	one := func(use, short, done string, change func(userKeeper, context.Context, string) error) *cobra.Command {
		return &cobra.Command{
			Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1),
			RunE: with(func(c *cobra.Command, u userKeeper, args []string) error {
				if err := change(u, c.Context(), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", args[0], done)
				return err
			}),
		}
	}
	c.AddCommand(list, newUserAddCommand(with),
		&cobra.Command{
			Use: "reset NAME", Short: "Take a user's password and second factors away, let them in again, and print a one-time code", Args: cobra.ExactArgs(1),
			RunE: with(func(c *cobra.Command, u userKeeper, args []string) error {
				code, err := u.reset(c.Context(), args[0])
				return printCode(c.OutOrStdout(), args[0], code, err)
			}),
		},
		one("disable", "Shut a user out, and end what they have open", "disabled", func(u userKeeper, ctx context.Context, name string) error { return u.disable(ctx, name) }),
		one("remove", "Remove a user", "removed", func(u userKeeper, ctx context.Context, name string) error { return u.remove(ctx, name) }),
	)
	return c
}

// withUsers runs a verb with whatever keeps the users.
type withUsers func(run func(c *cobra.Command, u userKeeper, args []string) error) func(*cobra.Command, []string) error

func newUserAddCommand(with withUsers) *cobra.Command {
	var n auth.NewUser
	var role, rights, cameras, groups string
	add := &cobra.Command{
		Use: "add NAME", Short: "Add a user; prints the one-time code that lets them in to set a password", Args: cobra.ExactArgs(1),
		RunE: with(func(c *cobra.Command, u userKeeper, args []string) error {
			n.Name, n.Role = args[0], auth.Role(role)
			n.Cameras, n.Groups = commaList(cameras), commaList(groups)
			for _, right := range commaList(rights) {
				n.Rights = append(n.Rights, auth.Right(right))
			}
			code, err := u.add(c.Context(), n)
			return printCode(c.OutOrStdout(), args[0], code, err)
		}),
	}
	add.Flags().StringVar(&role, "role", "", "admin, auditor, operator or viewer")
	add.Flags().StringVar(&n.Display, "display", "", "the name that is shown")
	add.Flags().StringVar(&n.Language, "language", "", "en or ko (default: the site's)")
	add.Flags().StringVar(&rights, "rights", "", "of live,playback,export,ptz (default: the role's usual ones)")
	add.Flags().BoolVar(&n.All, "all", false, "all cameras")
	add.Flags().StringVar(&cameras, "cameras", "", "ids of cameras, with commas between")
	add.Flags().StringVar(&groups, "groups", "", "groups of cameras, with commas between")
	// The flag exists: it was declared above.
	_ = add.MarkFlagRequired("role")
	return add
}

func commaList(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// printCode tells a one-time code, which is not told again.
func printCode(out io.Writer, name, code string, err error) error {
	if err != nil {
		return err
	}
	if code == "" {
		_, err = fmt.Fprintf(out, "%s: signs in at their provider; there is no code to give\n", name)
		return err
	}
	_, err = fmt.Fprintf(out, "%s: the one-time code is %s\nIt is entered in place of the password, once, within three days; then a password is set.\n", name, code)
	return err
}

func listUsers(ctx context.Context, out io.Writer, u userKeeper, asJSON bool) error {
	users, err := u.list(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, map[string][]auth.User{"users": users})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tRIGHTS\tCAMERAS\tSECOND FACTOR\tSOURCE\tSTATE\tLAST SIGN-IN")
	for _, user := range users {
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\t%s\t%s\n", printable(user.Name), user.Role, user.Rights, camerasText(user),
			factorText(user), user.Source, stateText(user), lastText(user))
	}
	return w.Flush()
}

func camerasText(u auth.User) string {
	if u.All {
		return "all"
	}
	all := append([]string{}, u.Cameras...)
	for _, g := range u.Groups {
		all = append(all, "group:"+g)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ",")
}

func factorText(u auth.User) string {
	switch {
	case u.HasTOTP && len(u.Passkeys) > 0:
		return "code, passkey"
	case u.HasTOTP:
		return "code"
	case len(u.Passkeys) > 0:
		return "passkey"
	default:
		return "none"
	}
}

func stateText(u auth.User) string {
	if u.Disabled {
		return "disabled"
	}
	return "enabled"
}

func lastText(u auth.User) string {
	if u.LastSignIn.IsZero() {
		return "never"
	}
	return short(u.LastSignIn)
}

// keepUsers finds out whether the daemon has the database: then it is asked.
func keepUsers(ctx context.Context, site *configs.Site) (u userKeeper, done func() error, err error) {
	p, err := openPeople(peopleOptions{
		Site: func() *configs.Site { return site }, Mirrors: func() []string { return nil }, Log: newLogger(false),
	})
	if err == nil {
		return storedUsers{p.accounts, auth.LocalPrincipal(operator())}, p.close, nil
	}
	if !errors.Is(err, errDaemon) {
		return nil, nil, err
	}
	api, err := newClient("unix:" + filepath.Join(site.Storage.State, socketName))
	if err != nil {
		return nil, nil, err
	}
	return askedUsers{api}, func() error { return nil }, ctx.Err()
}
